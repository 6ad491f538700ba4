"""Devices, plans, the cache of plans, and threads."""

import concurrent.futures
import multiprocessing

import numpy
import pytest

import clformer

import numpy_references as references


def ones(*shape):
    return numpy.ones(shape, numpy.float32)


def test_device_list_and_selectors():
    found = clformer.Device.list()
    assert found and {"index", "type", "name", "platform"} <= set(found[0])
    with clformer.Device(found[0]["index"]) as device:
        facts = device.describe()
        assert facts["name"] == device.name == found[0]["name"]
        assert repr(device) == f"<clformer.Device {found[0]['index']} {device.name!r}>"
    assert repr(device) == "<clformer.Device, closed>"
    device.close()
    with pytest.raises(clformer.InvalidArgumentError, match="the device was closed"):
        clformer.scaled_masked_softmax(ones(2, 2), device=device)


def test_default_device_is_opened_once():
    assert clformer.get_device() is clformer.get_device(None)
    index = clformer.get_device().describe()["index"]
    assert clformer.get_device(index) is clformer.get_device(index)
    assert clformer.get_device(clformer.get_device(index)) is clformer.get_device(index)


@pytest.mark.parametrize("options", [{"memory": "there"}, {"max_plans": -1}, {"max_plans": "many"}])
def test_device_options_are_checked(options):
    with pytest.raises(clformer.InvalidArgumentError, match=f"{next(iter(options))} is "):
        clformer.Device(**options)


def test_calls_of_one_kind_share_a_plan():
    with clformer.Device() as device:
        for value in (1, 2, 3):
            clformer.scaled_masked_softmax(ones(3, 4) * value, device=device)
        assert device.plan_cache() == (2, 1, 1, 64)
        different = [
            lambda: clformer.scaled_masked_softmax(ones(4, 3), device=device),
            lambda: clformer.scaled_masked_softmax(ones(4, 3).T, device=device),
            lambda: clformer.scaled_masked_softmax(ones(3, 4), scale=2, device=device),
            lambda: clformer.scaled_masked_softmax(ones(3, 4), ones(3, 4) > 2, device=device),
            lambda: clformer.scaled_masked_softmax(ones(3, 4), variant="portable", device=device),
            lambda: clformer.scaled_masked_softmax(ones(3, 4).astype(numpy.float16), device=device),
            lambda: clformer.scaled_masked_softmax_grad(ones(3, 4), ones(3, 4), device=device),
        ]
        for number, call in enumerate(different, 2):
            call()
            assert device.plan_cache().misses == number
        device.clear_plans()
        assert device.plan_cache().size == 0
        clformer.scaled_masked_softmax(ones(3, 4), device=device)
        assert device.plan_cache().misses == len(different) + 2


def test_plans_of_a_seed_are_not_kept():
    query = ones(1, 1, 4, 8)
    with clformer.Device() as device:
        for seed in range(3):
            clformer.flash_attention(query, query, query, keep_prob=0.5, generate_dropout=True,
                                     seed=seed, device=device)
            clformer.dropout_mask(100, 0.5, seed=seed, device=device)
        assert device.plan_cache() == (0, 0, 0, 64)


def test_the_oldest_plan_goes_first():
    with clformer.Device(max_plans=2) as device:
        def misses(columns):
            clformer.scaled_masked_softmax(ones(2, columns), device=device)
            return device.plan_cache().misses

        assert [misses(1), misses(2), misses(1), misses(3)] == [1, 2, 2, 3]
        assert device.plan_cache().size == 2
        assert [misses(1), misses(2)] == [3, 4]


def test_a_device_may_keep_no_plans():
    with clformer.Device(max_plans=0) as device:
        for _ in range(2):
            clformer.scaled_masked_softmax(ones(2, 2), device=device)
        assert device.plan_cache() == (0, 2, 0, 0)


def test_a_call_that_fails_keeps_no_plan():
    with clformer.Device(memory="share") as device:
        whole = ones(30)
        with pytest.raises(clformer.Error):
            clformer.scaled_masked_softmax(whole[:20], out=whole[5:25], device=device)
        assert device.plan_cache().size == 0
        y = clformer.scaled_masked_softmax(whole[:20], device=device)
        assert y == pytest.approx(1 / 20)


def test_plan(device, random):
    x = random.standard_normal((4, 6)).astype(numpy.float32)
    plan = clformer.Plan(clformer.scaled_masked_softmax, x, scale=0.5, device=device)
    assert plan.device is device and plan.workspace_size == 0
    assert plan.describe()["operator"] == "scaled_masked_softmax"
    y = plan.run()
    numpy.testing.assert_allclose(y, references.softmax(x, scale=0.5), atol=1e-6)
    other = -x
    assert plan.run(x=other) is y
    numpy.testing.assert_allclose(y, references.softmax(other, scale=0.5), atol=1e-6)
    target = numpy.empty_like(x)
    plan.bind(y=target)
    assert plan.arguments["x"] is other and plan.arguments["y"] is target
    plan.run()
    numpy.testing.assert_array_equal(target, y)


def test_plan_refuses_other_arrays():
    plan = clformer.Plan(clformer.scaled_masked_softmax, ones(4, 6))
    with pytest.raises(ValueError, match="z is no array of this plan, accepted: x, y"):
        plan.run(z=ones(4, 6))
    with pytest.raises(ValueError, match=r"x is fp32 of shape \[6, 4\].* accepted: fp32 of shape \[4, 6\]"):
        plan.run(x=ones(6, 4))
    with pytest.raises(ValueError, match="x is fp16 of shape"):
        plan.bind(x=ones(4, 6).astype(numpy.float16))
    assert plan.run() == pytest.approx(1 / 6)
    with pytest.raises(TypeError, match="function is .* accepted: an operator of this package"):
        clformer.Plan(len, [])
    assert clformer.scaled_masked_softmax(ones(2, 2)).shape == (2, 2), "capturing has ended"


def test_plan_of_attention_has_results_and_a_workspace(random):
    query = random.standard_normal((1, 2, 1, 16)).astype(numpy.float32)
    key, value = (random.standard_normal((1, 2, 4096, 16)).astype(numpy.float32) for _ in range(2))
    plan = clformer.Plan(clformer.flash_attention, query, key, value, scale=0.25)
    out, largest, _ = plan.run()
    expected = references.attention(query, key, value, None, 0.25)
    numpy.testing.assert_allclose(out, expected[0], atol=1e-5)
    numpy.testing.assert_allclose(largest[..., 0], expected[1], atol=1e-5)
    assert plan.workspace_size == plan.describe()["workspace"]


def test_masks_that_are_not_read_are_not_moved():
    query = ones(1, 1, 4, 8)
    plan = clformer.Plan(clformer.flash_attention, query, query, query, sparse_mode=2,
                         atten_mask=clformer.compressed_mask(2))
    assert "atten_mask" not in {tensor["argument"] for tensor in plan.describe()["tensors"]}
    assert plan.run().attention_out == pytest.approx(1)


def test_threads_share_a_device(random):
    """Each result is that of its own input, whatever the others do."""
    inputs = [random.standard_normal((5, 64)).astype(numpy.float32) for _ in range(8)]
    expected = [references.softmax(x) for x in inputs]

    def work(number):
        worst = 0.0
        for turn in range(25):
            which = (number + turn) % len(inputs)
            found = clformer.scaled_masked_softmax(inputs[which], device=device)
            worst = max(worst, abs(found - expected[which]).max())
        return worst

    with clformer.Device(max_plans=3) as device:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert max(pool.map(work, range(8))) < 1e-6
        cache = device.plan_cache()
        assert cache.hits + cache.misses == 8 * 25 and cache.size <= 3


def test_threads_share_a_plan(random):
    inputs = [random.standard_normal((5, 64)).astype(numpy.float32) for _ in range(4)]
    plan = clformer.Plan(clformer.scaled_masked_softmax, inputs[0], out=numpy.empty_like(inputs[0]))

    def work(number):
        out = numpy.empty_like(inputs[number])
        worst = 0.0
        for _ in range(10):
            plan.run(x=inputs[number], y=out)
            worst = max(worst, abs(out - references.softmax(inputs[number])).max())
        return worst

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert max(pool.map(work, range(4))) < 1e-6


def _refuses_after_fork(device, results):
    try:
        clformer.scaled_masked_softmax(ones(2, 2), device=device)
        results.put("ran")
    except clformer.Error as error:
        results.put(error.sentence)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(),
                    reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_device_is_not_used_after_a_fork():
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    with clformer.Device() as device:
        child = context.Process(target=_refuses_after_fork, args=(device, results))
        child.start()
        sentence = results.get()
        child.join()
    assert sentence.startswith("the device was opened before this process was forked")
    assert child.exitcode == 0


def test_no_device_that_shares_memory_is_pretended(monkeypatch):
    from clformer import _opencl

    monkeypatch.setattr(_opencl, "shares_host_memory", lambda device: False)
    with pytest.raises(clformer.UnsupportedError, match="memory is 'share', but the device has"):
        clformer.Device(memory="share")
    with clformer.Device() as device:
        assert not device.shares_memory


def test_run_is_not_confused_by_captured_errors():
    with pytest.raises(clformer.Error):
        clformer.Plan(clformer.scaled_masked_softmax, None)
    assert clformer.scaled_masked_softmax(ones(2, 2)).shape == (2, 2)
