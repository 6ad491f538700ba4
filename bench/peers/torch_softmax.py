#!/usr/bin/env python3
"""Times PyTorch's softmax of scaled, masked scores and its gradient.

Reads one request per line from standard input, a JSON object with operator, shape, mask ("none",
"triu" or a list of sizes), scale, dtype, device, threads and runs; answers each with one JSON line:
median_s, mad_s, min_s and torch (its version), or error.
"""

import json
import statistics
import sys
import time

DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


def make_mask(torch, request, device):
    shape = request["shape"]
    if request["mask"] == "none":
        return None
    if request["mask"] == "triu":
        height = shape[-2] if len(shape) > 1 else 1
        return torch.ones(height, shape[-1], dtype=torch.bool, device=device).triu(1)
    return torch.rand(request["mask"], device=device) < 0.5


def scores(torch, x, scale, mask):
    z = x * scale
    return z if mask is None else z.masked_fill(mask, float("-inf"))


def make_function(torch, request, device):
    """A function that does the work once and waits for it."""
    dtype = getattr(torch, DTYPES[request["dtype"]])
    x = torch.empty(request["shape"], dtype=dtype, device=device).uniform_(-5.0, 5.0)
    mask = make_mask(torch, request, device)
    scale = request["scale"]

    if request["operator"] == "softmax":
        def work():
            with torch.no_grad():
                return torch.softmax(scores(torch, x, scale, mask), -1)
        return work

    x.requires_grad_(True)
    y = torch.softmax(scores(torch, x, scale, mask), -1)
    grad_output = torch.empty_like(y).uniform_(-5.0, 5.0)

    def work():
        return torch.autograd.grad(y, x, grad_output, retain_graph=True)
    return work


def measure(torch, request):
    device = request["device"]
    if device != "cpu" and not torch.cuda.is_available():
        raise RuntimeError("this PyTorch sees no GPU")
    torch.manual_seed(1)
    torch.set_num_threads(request["threads"])
    work = make_function(torch, request, device)

    def wait():
        if device != "cpu":
            torch.cuda.synchronize()

    times = []
    for run in range(request["runs"] + 1):
        wait()
        begin = time.perf_counter()
        result = work()
        wait()
        times.append(time.perf_counter() - begin)
        del result
    times = times[1:]  # the first warms up
    median = statistics.median(times)
    return {
        "median_s": median,
        "mad_s": statistics.median(abs(t - median) for t in times),
        "min_s": min(times),
        "torch": torch.__version__,
    }


def main():
    try:
        import torch
    except ImportError as error:
        print(json.dumps({"error": f"this Python has no PyTorch ({error})"}), flush=True)
        return 0
    for line in sys.stdin:
        try:
            answer = measure(torch, json.loads(line))
        except Exception as error:  # whatever it is, the benchmark reports it
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
