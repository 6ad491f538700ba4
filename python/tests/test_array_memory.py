"""What is taken as an array, where results go, and that nothing is copied without need."""

import numpy
import pytest

import clformer
from clformer import _arrays, _calls

import numpy_references as references

VARIOUS_VIEWS = {
    "reversed": lambda a: a[::-1, :, ::-1],
    "stepped": lambda a: a[:, ::2, ::3],
    "transposed": lambda a: a.transpose(2, 0, 1),
    "column": lambda a: a[:, :, 5:6],
    "repeated": lambda a: numpy.broadcast_to(a[:1], (4,) + a.shape[1:]),
}


@pytest.mark.parametrize("way", VARIOUS_VIEWS)
def test_strides_are_honoured(device, random, way):
    whole = random.standard_normal((6, 8, 12)).astype(numpy.float32)
    view = VARIOUS_VIEWS[way](whole)
    y = clformer.scaled_masked_softmax(view, scale=0.7, device=device)
    assert y.shape == view.shape
    numpy.testing.assert_allclose(y, references.softmax(view, scale=0.7), atol=1e-6)


def test_result_is_written_through_strides(device, random):
    x = random.standard_normal((5, 7)).astype(numpy.float32)
    whole = numpy.full((14, 10), 9, numpy.float32)
    target = whole[::2, 8:3:-1].T
    assert clformer.scaled_masked_softmax(x, out=target, device=device) is target
    numpy.testing.assert_allclose(target, references.softmax(x), atol=1e-6)
    whole[::2, 8:3:-1] = 9
    assert (whole == 9).all()


def test_in_place(device, random):
    x = random.standard_normal((5, 7)).astype(numpy.float32)
    expected = references.softmax(x)
    assert clformer.scaled_masked_softmax(x, out=x, device=device) is x
    numpy.testing.assert_allclose(x, expected, atol=1e-6)


def test_unaligned_arrays_are_copied(device, random):
    raw = bytearray(4 * 35 + 1)
    x = numpy.frombuffer(raw, numpy.float32, 35, 1).reshape(5, 7)
    x[...] = random.standard_normal((5, 7))
    out = numpy.frombuffer(bytearray(4 * 35 + 1), numpy.float32, 35, 1).reshape(5, 7)
    clformer.scaled_masked_softmax(x, out=out, device=device)
    numpy.testing.assert_allclose(out, references.softmax(x), atol=1e-6)


def test_fields_of_records(device, random):
    records = numpy.zeros((4, 6), [("tag", numpy.uint8), ("score", numpy.float32)])
    records["score"] = random.standard_normal((4, 6))
    y = clformer.scaled_masked_softmax(records["score"], device=device)
    numpy.testing.assert_allclose(y, references.softmax(records["score"]), atol=1e-6)


def test_read_only_input_is_fine_and_output_is_refused(device):
    x = numpy.zeros((2, 3), numpy.float32)
    x.flags.writeable = False
    assert (clformer.scaled_masked_softmax(x, device=device) == numpy.float32(1) / 3).all()
    with pytest.raises(ValueError, match="y is read-only"):
        clformer.scaled_masked_softmax(x, out=x, device=device)


def test_empty_arrays(device):
    assert clformer.scaled_masked_softmax(numpy.zeros((0, 4), numpy.float32), device=device).size == 0
    out = clformer.flash_attention(*[numpy.zeros((1, 2, 0, 8), numpy.float32)] * 3, device=device)
    assert out.attention_out.shape == (1, 2, 0, 8)


def test_packed_query_key_value_share_one_buffer(device, random):
    packed = random.standard_normal((2, 9, 3, 4, 8)).astype(numpy.float32)
    query, key, value = (packed[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    out = clformer.flash_attention(query, key, value, scale=0.3, device=device)
    expected, largest, total = references.attention(query, key, value, scale=0.3)
    numpy.testing.assert_allclose(out.attention_out, expected, atol=2e-6)
    numpy.testing.assert_allclose(out.softmax_max[..., 3], largest, atol=2e-6)
    numpy.testing.assert_allclose(out.softmax_sum[..., 7], total, rtol=2e-6)


def test_overlapping_output_is_refused(random):
    whole = random.standard_normal(30).astype(numpy.float32)
    with clformer.Device(memory="share") as device:
        with pytest.raises(clformer.InvalidArgumentError, match="y overlaps x in memory"):
            clformer.scaled_masked_softmax(whole[:20].reshape(4, 5), out=whole[5:25].reshape(4, 5),
                                           device=device)


def regions(shares, **arrays):
    call = _calls.Call("scaled_masked_softmax", {"x": arrays["x"], "mask": arrays.get("mask")},
                       {"y": arrays["y"]}, {}, None)
    operands = _calls.operands_of(call, shares)
    if shares:
        _calls.separate_misplaced(operands)
    return operands, _calls.merge_regions(operands)


def test_a_sharing_device_gets_the_arrays_own_memory(random):
    x = random.standard_normal((4, 6)).astype(numpy.float16)
    y = numpy.empty((4, 6), numpy.float16)
    operands, merged = regions(True, x=x, y=y)
    assert [operand.is_copy for operand in operands] == [False, False]
    assert [operand.used.pointer for operand in operands] == [x.ctypes.data, y.ctypes.data]
    assert len(merged) == 2 and all(len(region) == 1 for region in merged)


def test_views_of_one_array_share_a_buffer():
    whole = numpy.zeros((8, 6), numpy.float32)
    operands, merged = regions(True, x=whole[::2], y=whole[1::2])
    assert len(merged) == 1
    assert [operand.used.pointer - whole.ctypes.data for operand in operands] == [0, 24]


def test_memory_of_another_type_at_an_odd_place_is_copied():
    raw = numpy.zeros(100, numpy.uint8)
    start = 1 - raw.ctypes.data % 2
    mask = raw[start:start + 20].view(bool).reshape(4, 5)
    x = raw[start + 1:start + 41].view(numpy.float16).reshape(4, 5)
    operands, _ = regions(True, x=x, mask=mask, y=numpy.empty((4, 5), numpy.float16))
    assert sorted(operand.field for operand in operands if operand.is_copy) == ["x"]


def test_copying_device_leaves_gaps_out(random):
    x = random.standard_normal((4, 6)).astype(numpy.float32)
    for view, copied in ((x, False), (x.T, False), (x[:, :3], True), (x[::-1], False),
                         (numpy.broadcast_to(x, (5, 4, 6)), False)):
        operands, _ = regions(False, x=view, y=numpy.empty(view.shape, numpy.float32))
        assert operands[0].is_copy == copied, view.strides
    repeated = numpy.broadcast_to(x[:, :1], (4, 6))
    operands, _ = regions(False, x=repeated, y=numpy.empty((4, 6), numpy.float32))
    assert operands[0].used.end - operands[0].used.begin == 16
    assert operands[0].used.strides == (1, 0)


def test_results_are_written_where_they_are_wanted(random):
    """The device shares the host's memory: what comes back is the array that was given, changed."""
    with clformer.Device(memory="auto") as device:
        if not device.shares_memory:
            pytest.skip("the device has memory of its own")
        x = random.standard_normal((3, 4)).astype(numpy.float32)
        y = numpy.empty_like(x)
        place = y.ctypes.data
        plan = clformer.Plan(clformer.scaled_masked_softmax, x, out=y, device=device)
        assert plan.run() is y and y.ctypes.data == place
        x *= 3
        numpy.testing.assert_allclose(plan.run(), references.softmax(x), atol=1e-6)


def test_memory_is_free_after_the_call(random):
    """A kept plan holds nothing of the arrays that it worked on."""
    import sys
    import weakref

    x = random.standard_normal((16, 16)).astype(numpy.float32)
    alive = weakref.ref(x)
    references_before = sys.getrefcount(x)
    y = clformer.scaled_masked_softmax(x)
    assert sys.getrefcount(x) == references_before
    del x
    assert alive() is None and y.shape == (16, 16)


@pytest.mark.parametrize("dtype", [numpy.float64, numpy.int16, numpy.complex64, ">f4"])
def test_other_types_are_refused(dtype):
    with pytest.raises(clformer.InvalidArgumentError, match="^x has dtype .*, accepted: "):
        clformer.scaled_masked_softmax(numpy.zeros((2, 2), dtype))


@pytest.mark.parametrize("thing", [[[1.0]], 3.0, "text", range(3), numpy.ma.masked_array([1.0])])
def test_other_objects_are_type_errors(thing):
    with pytest.raises(TypeError, match="accepted: numpy.ndarray, or torch.Tensor") as caught:
        clformer.scaled_masked_softmax(thing)
    assert isinstance(caught.value, ValueError) and caught.value.status == 161002


def test_torch_tensors(device, torch):
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.randn(3, 5, 8).to(dtype)
        for view in (x, x.transpose(0, 2), x[:, ::2], x[:1].expand(4, 5, 8)):
            y = clformer.scaled_masked_softmax(view, scale=2.0, device=device)
            assert y.dtype == dtype and y.shape == view.shape
            expected = torch.softmax(2 * view.double(), -1)
            assert torch.allclose(y.double(), expected, atol=1e-6, rtol=2e-2 if dtype != torch.float32
                                  else 1e-5)


def test_torch_tensors_elsewhere_are_refused(torch):
    with pytest.raises(clformer.InvalidArgumentError, match="x is on device meta, accepted: cpu"):
        clformer.scaled_masked_softmax(torch.empty(2, 2, device="meta"))
    with pytest.raises(clformer.InvalidArgumentError, match="x has layout torch.sparse_coo"):
        clformer.scaled_masked_softmax(torch.zeros(2, 2).to_sparse())
    with pytest.raises(clformer.InvalidArgumentError, match="x has dtype torch.float64"):
        clformer.scaled_masked_softmax(torch.zeros(2, 2).double())


def test_torch_memory_is_shared(torch):
    x = torch.randn(4, 6)
    operands, _ = regions(True, x=x, y=torch.empty(4, 6))
    assert operands[0].used.pointer == x.data_ptr() and not operands[0].is_copy


def test_numpy_and_torch_may_meet(torch, random):
    x = random.standard_normal((3, 4)).astype(numpy.float32)
    mask = torch.tensor([True, False, False, True])
    y = clformer.scaled_masked_softmax(x, mask)
    numpy.testing.assert_allclose(y, references.softmax(x, mask.numpy()), atol=1e-6)


def test_bfloat16_of_numpy(random):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    x = random.standard_normal((3, 4)).astype(ml_dtypes.bfloat16)
    y = clformer.scaled_masked_softmax(x)
    assert y.dtype == x.dtype
    numpy.testing.assert_allclose(y.astype(float), references.softmax(x), rtol=1e-2)


def test_bfloat16_without_ml_dtypes_says_so(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(ValueError, match="bf16 results as NumPy arrays need the package ml_dtypes"):
        _arrays.numpy_dtype("bf16")
