"""The native functions against their formulas in double precision."""

import itertools

import numpy
import pytest

import clformer

import numpy_references as references

# The data types of every kernel are the C tests' matter; here each operator meets two at most.
FLOAT_TYPES = [numpy.float32, numpy.float16]
ROUNDING = {numpy.float32: 1e-5, numpy.float16: 2e-3}


def normal(random, shape, dtype=numpy.float32):
    return random.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", FLOAT_TYPES[:1])
def test_softmax_and_its_gradient(device, random, dtype):
    x = normal(random, (2, 3, 9, 33), dtype)
    mask = random.random((2, 1, 9, 33)) < 0.5
    mask[1, 0, 4] = True
    y = clformer.scaled_masked_softmax(x, mask, scale=-0.7, device=device)
    numpy.testing.assert_allclose(y, references.softmax(x, mask, -0.7), atol=ROUNDING[dtype])
    grad = normal(random, x.shape, dtype)
    found = clformer.scaled_masked_softmax_grad(grad, y, mask, scale=-0.7, device=device)
    numpy.testing.assert_allclose(found, references.softmax_grad(grad, y, mask, -0.7),
                                  atol=ROUNDING[dtype])


def test_softmax_with_a_triangle(random):
    x = normal(random, (2, 7, 9))
    y = clformer.scaled_masked_softmax(x, fixed_triu_mask=True)
    mask = numpy.triu(numpy.ones((7, 9), bool), 1)
    numpy.testing.assert_allclose(y, references.softmax(x, mask), atol=1e-6)


@pytest.mark.parametrize("dtype", FLOAT_TYPES[1:])
def test_attention_with_head_groups_and_mask(device, random, dtype):
    query = normal(random, (2, 6, 17, 24), dtype)
    key, value = normal(random, (2, 3, 21, 24), dtype), normal(random, (2, 3, 21, 16), dtype)
    mask = random.random((17, 21)) < 0.3
    out, largest, total = clformer.flash_attention(query, key, value, atten_mask=mask, scale=0.2,
                                                   device=device)
    expected = references.attention(query, key, value, mask, 0.2)
    assert out.shape == (2, 6, 17, 16) and out.dtype == dtype
    assert largest.shape == total.shape == (2, 6, 17, 8) and largest.dtype == numpy.float32
    numpy.testing.assert_allclose(out, expected[0], atol=ROUNDING[dtype])
    for lane in range(8):
        numpy.testing.assert_allclose(largest[..., lane], expected[1], atol=1e-5)
        numpy.testing.assert_allclose(total[..., lane], expected[2], rtol=1e-5)


def test_attention_layouts_are_the_same_numbers(random):
    batch, heads, length, depth = 2, 4, 11, 16
    arrays = [normal(random, (batch, heads, length, depth)) for _ in range(3)]
    expected = clformer.flash_attention(*arrays, scale=0.25)
    ways = {
        "BSND": lambda a: a.transpose(0, 2, 1, 3),
        "BSH": lambda a: a.transpose(0, 2, 1, 3).reshape(batch, length, -1),
        "SBH": lambda a: a.transpose(2, 0, 1, 3).reshape(length, batch, -1),
    }
    for layout, way in ways.items():
        found = clformer.flash_attention(*map(way, arrays), head_num=heads, input_layout=layout,
                                         scale=0.25)
        numpy.testing.assert_allclose(found.attention_out, way(expected.attention_out), atol=1e-6)
        numpy.testing.assert_allclose(found.softmax_max, expected.softmax_max, atol=1e-6)


def test_attention_of_sequences_in_one_row(random):
    lengths = [3, 7, 5]
    ends = numpy.cumsum(lengths)
    query, key, value = (normal(random, (sum(lengths), 2, 8)) for _ in range(3))
    out = clformer.flash_attention(query, key, value, input_layout="TND", sparse_mode=3,
                                   atten_mask=clformer.compressed_mask(3), actual_seq_qlen=ends,
                                   actual_seq_kvlen=list(ends), softmax_layout="TND", scale=0.5)
    for begin, end in zip(ends - lengths, ends):
        parts = [array[None, begin:end].transpose(0, 2, 1, 3) for array in (query, key, value)]
        mask = numpy.triu(numpy.ones((end - begin, end - begin), bool), 1)
        expected, largest, _ = references.attention(*parts, mask, 0.5)
        numpy.testing.assert_allclose(out.attention_out[begin:end], expected[0].transpose(1, 0, 2),
                                      atol=1e-5)
        numpy.testing.assert_allclose(out.softmax_max[begin:end, :, 0], largest[0].T, atol=1e-5)


def test_attention_bias_before_the_scale(random):
    query, key, value = (normal(random, (1, 2, 6, 8)) for _ in range(3))
    pse = normal(random, (1, 2, 6, 6))
    out = clformer.flash_attention(query, key, value, pse=pse, scale=0.4)
    expected, _, _ = references.attention(query, key, value, None, 0.4, pse)
    numpy.testing.assert_allclose(out.attention_out, expected, atol=1e-5)


def test_attention_gradient_is_the_derivative(device, random):
    query, key, value = (normal(random, (1, 2, 5, 16)) for _ in range(3))
    pse = normal(random, (1, 2, 5, 5))
    mask = numpy.triu(numpy.ones((5, 5), bool), 1)
    attributes = {"pse": pse, "atten_mask": mask, "scale": 0.3, "device": device}
    forward = clformer.flash_attention(query, key, value, **attributes)
    grad = normal(random, (1, 2, 5, 16))
    found = clformer.flash_attention_grad(query, key, value, grad, *forward, **attributes)

    def loss(*arrays):
        return (references.attention(*arrays[:3], mask, 0.3, arrays[3])[0] * grad).sum()

    arrays = [array.astype(float) for array in (query, key, value, pse)]
    for number, place in itertools.product(range(4), ((0, 0, 1, 1), (0, 1, 4, 0), (0, 1, 2, 2))):
        values = []
        for step in (1e-5, -1e-5):
            moved = [array.copy() for array in arrays]
            moved[number][place] += step
            values.append(loss(*moved))
        slope = (values[0] - values[1]) / 2e-5
        assert found[number][place] == pytest.approx(slope, abs=2e-5), (number, place)


def test_attention_without_the_gradient_of_the_bias(random):
    query, key, value = (normal(random, (1, 2, 5, 16)) for _ in range(3))
    attributes = {"pse": normal(random, (1, 2, 5, 5)),
                  "atten_mask": numpy.triu(numpy.ones((5, 5), bool), 1)}
    forward = clformer.flash_attention(query, key, value, **attributes)
    found = clformer.flash_attention_grad(query, key, value, query, *forward, want_grad_pse=False,
                                          **attributes)
    assert found.grad_pse is None and found.grad_query.shape == query.shape


def test_dropout_bits_of_the_operator_documents_generator():
    # 128 elements, keep 0.9, seed 2, offset 0.
    expected = "ff ef ff ff ff df ff bb ff db fd ff ff ff bf ff"
    bits = clformer.dropout_mask(128, 1 - 0.9, probability_dtype="fp16", seed=2)
    assert bits.dtype == numpy.uint8 and bits.tobytes().hex(" ") == expected
    assert clformer.dropout_mask(0, 0.1).shape == (0,)
    assert clformer.dropout_mask(129, 0.1).shape == (32,)


def test_generated_dropout_is_that_of_the_bits(random):
    query, key, value = (normal(random, (1, 2, 9, 8)) for _ in range(3))
    count = clformer.num_probabilities(query, key)
    assert count == 2 * 9 * 9
    bits = clformer.dropout_mask(count, 0.25, seed=7, offset=3)
    given = clformer.flash_attention(query, key, value, keep_prob=0.75, drop_mask=bits)
    made = clformer.flash_attention(query, key, value, keep_prob=0.75, generate_dropout=True, seed=7,
                                    offset=3)
    assert (given.attention_out == made.attention_out).all()
    undropped = clformer.flash_attention(query, key, value)
    assert (made.softmax_sum == undropped.softmax_sum).all()
    assert abs(made.attention_out - undropped.attention_out).max() > 0.01


def test_number_of_probabilities_of_sequences(random):
    query = normal(random, (9, 2, 8))
    assert clformer.num_probabilities(query, query[:6], input_layout="TND", actual_seq_qlen=[4, 9],
                                      actual_seq_kvlen=[1, 6]) == 2 * (4 * 1 + 5 * 5)


@pytest.mark.parametrize("activation", ["gelu", "SwiGLU"])
def test_ffn(random, activation):
    rows = 24 if activation == "SwiGLU" else 48
    x, weight1 = normal(random, (3, 5, 16)), normal(random, (16, 48))
    weight2 = normal(random, (rows, 12))
    bias1, bias2 = normal(random, 48), normal(random, 12)
    y = clformer.ffn(x, weight1, weight2, activation, bias1=bias1, bias2=bias2)
    assert y.shape == (3, 5, 12)
    expected = references.feed_forward(x, weight1, weight2, activation.lower(), bias1, bias2)
    numpy.testing.assert_allclose(y, expected, atol=1e-3, rtol=1e-5)


def test_ffn_with_experts(device, random):
    counts = [3, 0, 5]
    x = normal(random, (8, 16))
    weight1, weight2 = normal(random, (3, 16, 32)), normal(random, (3, 32, 16))
    y = clformer.ffn(x, weight1, weight2, "relu", expert_tokens=counts, device=device)
    by_ends = clformer.ffn(x, weight1, weight2, "relu", expert_tokens=[3, 3, 8],
                           tokens_index_flag=True, device=device)
    by_tensor = clformer.ffn(x, weight1, weight2, "relu", expert_tokens_tensor=numpy.array(counts),
                             device=device)
    begin = 0
    for expert, count in enumerate(counts):
        part = slice(begin, begin + count)
        expected = references.feed_forward(x[part], weight1[expert], weight2[expert], "relu")
        numpy.testing.assert_allclose(y[part], expected, atol=1e-3, rtol=1e-5)
        begin += count
    numpy.testing.assert_array_equal(y, by_ends)
    numpy.testing.assert_allclose(y, by_tensor, atol=1e-4)


def test_ffn_of_int8(random):
    x = random.integers(-100, 100, (4, 16)).astype(numpy.int8)
    weight1, weight2 = (random.integers(-100, 100, shape).astype(numpy.int8)
                        for shape in ((16, 32), (32, 16)))
    one, zero = numpy.ones(1, numpy.float32), numpy.zeros(1, numpy.float32)
    deq = [numpy.full(n, 2.0**-10, numpy.float32) for n in (32, 16)]
    y = clformer.ffn(x, weight1, weight2, "relu", scale=one, offset=zero, deq_scale1=deq[0],
                     deq_scale2=deq[1])
    assert y.dtype == numpy.float16
    hidden = numpy.float16((x.astype(int) @ weight1.astype(int)) * 2.0**-10)
    quantised = numpy.clip(numpy.rint(numpy.maximum(hidden, 0)), -128, 127).astype(int)
    expected = numpy.float16((quantised @ weight2.astype(int)) * 2.0**-10)
    numpy.testing.assert_array_equal(y, expected)


def test_ffn_of_int4_weights(device, random):
    x = normal(random, (5, 8), numpy.float16)
    plain = [random.integers(-8, 8, shape) for shape in ((8, 16), (16, 8))]
    packed = [clformer.Int4(((w[:, 0::2] & 15) | ((w[:, 1::2] & 15) << 4)).astype(numpy.uint8))
              for w in plain]
    assert packed[0].shape == (8, 16)
    scales = [numpy.full(n, 0.125, numpy.float16) for n in (16, 8)]
    zeros = [numpy.zeros(n, numpy.float16) for n in (16, 8)]
    y = clformer.ffn(x, *packed, "silu", antiquant_scale1=scales[0], antiquant_scale2=scales[1],
                     antiquant_offset1=zeros[0], antiquant_offset2=zeros[1], device=device)
    expected = references.feed_forward(x, plain[0] * 0.125, plain[1] * 0.125, "silu")
    numpy.testing.assert_allclose(y, expected, atol=2e-2, rtol=5e-3)


@pytest.mark.parametrize("dtype", FLOAT_TYPES[1:])
def test_floyd_attention(device, random, dtype):
    b, h, n, m, k, d = 1, 2, 3, 5, 7, 16
    shapes = [(b, h, n, m, d), (b, h, n, k, d), (b, h, n, k, d), (b, h, k, m, d), (b, h, k, m, d)]
    arrays = [normal(random, shape, dtype) for shape in shapes]
    mask = random.random((b, 1, n, 1, k)) < 0.4
    mask[..., 0] = False
    out, largest, total = clformer.floyd_attention(*arrays, atten_mask=mask, scale_value=0.25,
                                                   device=device)
    expected = references.floyd(*arrays, mask, 0.25)
    numpy.testing.assert_allclose(out, expected[0], atol=2 * ROUNDING[dtype])
    numpy.testing.assert_allclose(largest[..., 5], expected[1], atol=1e-5)
    numpy.testing.assert_allclose(total[..., 0], expected[2], rtol=1e-5)


def test_floyd_gradient_is_the_derivative(random):
    b, h, n, m, k, d = 1, 1, 2, 3, 4, 16
    shapes = [(b, h, n, m, d), (b, h, n, k, d), (b, h, n, k, d), (b, h, k, m, d), (b, h, k, m, d)]
    arrays = [normal(random, shape) for shape in shapes]
    mask = numpy.zeros((b, 1, n, 1, k), bool)
    mask[..., 2] = True
    forward = clformer.floyd_attention(*arrays, atten_mask=mask, scale_value=0.25)
    grad = normal(random, shapes[0])
    found = clformer.floyd_attention_grad(*arrays, grad, *forward, atten_mask=mask, scale_value=0.25)
    exact = [array.astype(float) for array in arrays]
    for number, array in enumerate(exact):
        place = (0, 0, 1, 2, 3)
        slope = []
        for sign in (1, -1):
            moved = [other.copy() for other in exact]
            moved[number][place] += sign * 1e-5
            slope.append((references.floyd(*moved, mask, 0.25)[0] * grad).sum())
        assert found[number][place] == pytest.approx((slope[0] - slope[1]) / 2e-5, abs=2e-5), number


# ---- Numbers of the operator documents' sample programs ------------------------------------------

SAMPLE_MASK = numpy.tile(numpy.array([[True, True], [False, False]]), (2, 2, 1, 1))


def test_softmax_sample_program():
    x = numpy.arange(1, 17, dtype=numpy.float32).reshape(2, 2, 2, 2)
    y = clformer.scaled_masked_softmax(x, SAMPLE_MASK)
    numpy.testing.assert_allclose(y.reshape(4, 4), [[0.5, 0.5, 0.268941, 0.731059]] * 4, atol=1e-6)
    grad = clformer.scaled_masked_softmax_grad(x, x, SAMPLE_MASK)
    expected = [0, 0, -66, -84, 0, 0, -742, -840, 0, 0, -2794, -3036, 0, 0, -6990, -7440]
    numpy.testing.assert_allclose(grad.ravel(), expected)


def test_floyd_sample_program():
    """All ones in tensors of fp16 whose memory was filled with fp32: pairs of 0 and 1.875."""
    shape = (1, 2, 128, 128, 32)
    ones = numpy.ones(shape[:-1] + (16,), numpy.float32).view(numpy.float16)
    assert ones.shape == shape and set(ones[0, 0, 0, 0, :2]) == {0, 1.875}
    mask = numpy.zeros((1, 1, 128, 1, 128), numpy.uint8)
    out, largest, total = clformer.floyd_attention(*[ones] * 5, atten_mask=mask)
    assert set(out[0, 1, 127, 127, :2]) == {0, 3.75}
    assert (largest == 112.5).all() and (total == 128).all()


def test_attention_by_hand():
    """Two queries, three keys, one head; calculated by hand."""
    query, key, value, pse, grad = (
        numpy.array(rows, numpy.float32)[None, None] for rows in (
            [[1, .5], [-.5, 2]], [[.5, 1], [1, -1], [2, .25]], [[1, 2], [3, -1], [.5, 4]],
            [[.1, -.2, .3], [0, .5, -.5]], [[1, -1], [.5, 2]]))
    mask = numpy.array([[0, 1, 0], [1, 1, 1]], numpy.uint8)
    attributes = {"pse": pse, "scale": 0.5}
    forward = clformer.flash_attention(query, key, value, **attributes)
    expected = [[1.102722, 2.517544], [1.128211, 2.032438]]
    numpy.testing.assert_allclose(forward.attention_out[0, 0], expected, atol=2e-6)
    numpy.testing.assert_allclose(forward.softmax_max[0, 0, :, 0], [1.2125, 0.875], atol=1e-6)
    numpy.testing.assert_allclose(forward.softmax_sum[0, 0, :, 0], [1.861152, 1.406195], atol=2e-6)
    found = clformer.flash_attention_grad(query, key, value, grad, *forward, **attributes)
    expected = (
        [[-.58891, -.58532], [.34847, .31520]],
        [[.08039, -.06300], [.64257, -.30799], [-.72295, .37098]],
        [[.63258, 1.14527], [.24021, .03243], [.62720, -.17769]],
        [[.05746, .50273, -.56018], [-.04586, -.27967, .32554]])
    for array, rows in zip(found, expected):
        numpy.testing.assert_allclose(array[0, 0], rows, atol=2e-5)
    least = -numpy.finfo(numpy.float32).max
    for inner_precise, row, total in ((0, [1.5, 1.666667], 3), (2, [0, 0], -least)):
        out, largest, sums = clformer.flash_attention(query, key, value, atten_mask=mask, scale=0.5,
                                                      inner_precise=inner_precise)
        numpy.testing.assert_allclose(out[0, 0], [[.681485, 3.274062], row], atol=2e-6)
        assert largest[0, 0, 1, 0] == least and sums[0, 0, 1, 0] == numpy.float32(total)


# ---- Errors --------------------------------------------------------------------------------------

ZEROS = numpy.zeros((1, 2, 4, 8), numpy.float32)

WRONG_CALLS = {
    "mask of another shape": (
        lambda: clformer.scaled_masked_softmax(ZEROS, numpy.zeros(3, bool)),
        clformer.InvalidArgumentError, ValueError, 161002, "mask has shape [3], accepted: "),
    "mask of numbers": (
        lambda: clformer.scaled_masked_softmax(ZEROS, ZEROS),
        clformer.InvalidArgumentError, ValueError, 161002, "mask has dtype fp32 (0), accepted: "),
    "no x": (
        lambda: clformer.scaled_masked_softmax(None),
        clformer.MissingArgumentError, TypeError, 161001, "x is None, an array is required"),
    "rank 9": (
        lambda: clformer.scaled_masked_softmax(numpy.zeros((1,) * 9, numpy.float32)),
        clformer.InvalidArgumentError, ValueError, 161002, "x has rank 9, accepted: 1 to 8"),
    "rank 0": (
        lambda: clformer.scaled_masked_softmax(numpy.zeros((), numpy.float32)),
        clformer.InvalidArgumentError, ValueError, 161002, "x has rank 0, accepted: 1 to 8"),
    "variant": (
        lambda: clformer.scaled_masked_softmax(ZEROS, variant="fast"),
        clformer.InvalidArgumentError, ValueError, 161002,
        "variant is 'fast', accepted: auto, portable, cpu"),
    "scale": (
        lambda: clformer.scaled_masked_softmax(ZEROS, scale="large"),
        clformer.ArgumentTypeError, TypeError, 161002, "scale is 'large', accepted: a number"),
    "heads": (
        lambda: clformer.flash_attention(ZEROS, ZEROS, ZEROS, head_num=1.5),
        clformer.ArgumentTypeError, TypeError, 161002, "head_num is 1.5, accepted: an int"),
    "layout": (
        lambda: clformer.flash_attention(ZEROS, ZEROS, ZEROS, head_num=2, input_layout="BNDS"),
        clformer.InvalidArgumentError, ValueError, 161002, 'input_layout is "BNDS"'),
    "heads that cannot be told": (
        lambda: clformer.flash_attention(ZEROS[0], ZEROS[0], ZEROS[0], input_layout="BSH"),
        clformer.MissingArgumentError, TypeError, 161001, "head_num is None, accepted: "),
    "lengths that differ": (
        lambda: clformer.flash_attention(ZEROS, ZEROS, ZEROS[:, :, :3]),
        clformer.ConstraintError, ValueError, 561002, "value has length 3, accepted: 4"),
    "prefix": (
        lambda: clformer.flash_attention(ZEROS, ZEROS, ZEROS, prefix="ab"),
        clformer.ArgumentTypeError, TypeError, 161002, "prefix is 'ab', accepted: a sequence of int"),
    "seed": (
        lambda: clformer.dropout_mask(8, 0.1, seed=-1),
        clformer.InvalidArgumentError, ValueError, 161002, "seed is -1, accepted: 0 to "),
    "probability": (
        lambda: clformer.dropout_mask(8, 1.5),
        clformer.InvalidArgumentError, ValueError, 161002, "drop_probability is 1.5"),
    "activation": (
        lambda: clformer.ffn(ZEROS[0, 0], ZEROS[0, 0], ZEROS[0, 0], "tanh"),
        clformer.InvalidArgumentError, ValueError, 161002, 'activation is "tanh"'),
    "type of y": (
        lambda: clformer.ffn(numpy.zeros((2, 2), numpy.int8), ZEROS[0, 0], ZEROS[0, 0], "relu",
                             output_dtype="fp32"),
        clformer.InvalidArgumentError, ValueError, 161002, "output_dtype is fp32, accepted: fp16, bf16"),
    "floyd's shapes": (
        lambda: clformer.floyd_attention(*[numpy.zeros((1, 1, 2, 3, 8), numpy.float32)] * 5),
        clformer.ConstraintError, ValueError, 561002, "key2 has shape [1, 1, 2, 3, 8]"),
    "method": (
        lambda: clformer.floyd_attention(*[numpy.zeros((1, 1, 2, 2, 8), numpy.float32)] * 5,
                                         method=None),
        clformer.InvalidArgumentError, ValueError, 161002, "method is None, accepted: auto, fused, slab"),
    "device": (
        lambda: clformer.scaled_masked_softmax(ZEROS, device="no such device"),
        clformer.NoDeviceError, LookupError, 200002, 'selector is "no such device"'),
    "device of another type": (
        lambda: clformer.scaled_masked_softmax(ZEROS, device=3),
        clformer.ArgumentTypeError, TypeError, 161002, "device is 3, accepted: clformer.Device, str, None"),
}


@pytest.mark.parametrize("situation", WRONG_CALLS)
def test_errors_say_what_is_wrong(situation):
    call, kind, python_kind, status, beginning = WRONG_CALLS[situation]
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert isinstance(error, (clformer.Error, RuntimeError)) and isinstance(error, python_kind)
    assert error.status == status and error.sentence.startswith(beginning), error.sentence
    assert str(error) == f"{error.sentence} ({error.status_name}, {status})"


def test_errors_can_be_pickled():
    import pickle

    with pytest.raises(clformer.Error) as caught:
        clformer.scaled_masked_softmax(ZEROS, variant="fast")
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, type(caught.value)) and str(again) == str(caught.value)
    assert again.status == 161002 and again.status_name == "CLF_ERR_PARAM_INVALID"
