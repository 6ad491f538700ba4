#!/usr/bin/env python3
"""Times PyTorch on the benchmark's problems.

Reads one request per line from standard input, a JSON object with operator, dtype, device, threads,
runs and the problem:

  softmax, softmax_grad: shape, mask ("none", "triu" or a list of sizes), scale;
  attention, attention_grad: batch, heads, key_heads, depth, value_depth, scale, mask ("none", or a tensor of random
    bits: "ss", "b1ss", "bnss"), sequences: a list of {queries, keys, low, high}; query i meets the
    keys from i + low to i + high, null limits nothing;
  floyd, floyd_grad: shape (B, H, N, M, K, D), scale, mask ("none"; "zeros" or, of random bits, "b1n1k",
    both of shape B, 1, N, 1, K; "bhnmk").

Answers each with one JSON line: median_s, mad_s, min_s, runs, torch (its version) and how (what is
particular about the call, or null); or error, without torch if there is none.
"""

import json
import statistics
import sys
import time


class CannotExpress(Exception):
    """The problem has no fair form in PyTorch."""


DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
MOST_MASK_ELEMENTS = 2**31
MOST_SCORES = 2**28  # 1 GiB in fp32, and up to six of them
# A run that takes longer than so many seconds is repeated so often at most.
MOST_RUNS = ((3.0, 1), (1.0, 3))


def make_softmax_mask(torch, request, device):
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


def softmax_function(torch, request, dtype, device):
    x = torch.empty(request["shape"], dtype=dtype, device=device).uniform_(-5.0, 5.0)
    mask = make_softmax_mask(torch, request, device)
    scale = request["scale"]

    def work():
        with torch.no_grad():
            return torch.softmax(scores(torch, x, scale, mask), -1)
    return work, None


def softmax_grad_function(torch, request, dtype, device):
    x = torch.empty(request["shape"], dtype=dtype, device=device).uniform_(-5.0, 5.0)
    mask = make_softmax_mask(torch, request, device)
    x.requires_grad_(True)
    y = torch.softmax(scores(torch, x, request["scale"], mask), -1)
    grad_output = torch.empty_like(y).uniform_(-5.0, 5.0)

    def work():
        return torch.autograd.grad(y, x, grad_output, retain_graph=True)
    return work, None


def attention_mask(torch, request, sequence, device):
    """The keyword arguments that say which pairs count, and what is particular about them."""
    queries, keys = sequence["queries"], sequence["keys"]
    low, high = sequence["low"], sequence["high"]
    leading = {"none": [], "ss": [], "b1ss": [request["batch"], 1],
               "bnss": [request["batch"], request["heads"]]}[request["mask"]]
    if request["mask"] == "none" and low is None and high is None:
        return {}, None
    if request["mask"] == "none" and low is None and high == 0:
        return {"is_causal": True}, "is_causal"
    elements = queries * keys
    for size in leading:
        elements *= size
    if elements > MOST_MASK_ELEMENTS:
        raise CannotExpress(f"cannot express it but by a mask of {elements} elements")
    distance = (torch.arange(keys, device=device)[None, :]
                - torch.arange(queries, device=device)[:, None])
    keep = torch.ones(queries, keys, dtype=torch.bool, device=device)
    if low is not None:
        keep &= distance >= low
    if high is not None:
        keep &= distance <= high
    if request["mask"] != "none":
        keep = keep & (torch.rand(leading + [queries, keys], device=device) >= 0.5)
    return {"attn_mask": keep}, "a mask as tensor"


def attention_calls(torch, request, dtype, device):
    """A list of query, key, value and keyword arguments; and what is particular about the calls."""
    def tensor(heads, tokens, depth):
        shape = [request["batch"], heads, tokens, depth]
        return torch.empty(shape, dtype=dtype, device=device).uniform_(-2.0, 2.0)

    calls = []
    remarks = []
    heads, key_heads = request["heads"], request["key_heads"]
    for sequence in request["sequences"]:
        if sequence["queries"] == 0 or sequence["keys"] == 0:
            continue
        arguments, how = attention_mask(torch, request, sequence, device)
        arguments["scale"] = request["scale"]
        if heads != key_heads:
            arguments["enable_gqa"] = True
        calls.append((tensor(heads, sequence["queries"], request["depth"]),
                      tensor(key_heads, sequence["keys"], request["depth"]),
                      tensor(key_heads, sequence["keys"], request["value_depth"]), arguments))
        if how and how not in remarks:
            remarks.append(how)
    if len(request["sequences"]) > 1:
        remarks.append("a call per sequence")
    return calls, remarks


def attention_function(torch, request, dtype, device):
    from torch.nn.functional import scaled_dot_product_attention
    calls, remarks = attention_calls(torch, request, dtype, device)

    def work():
        with torch.no_grad():
            return [scaled_dot_product_attention(q, k, v, **arguments)
                    for q, k, v, arguments in calls]
    return work, ", ".join(remarks) or None


def attention_grad_function(torch, request, dtype, device):
    from torch.nn.functional import scaled_dot_product_attention
    calls, remarks = attention_calls(torch, request, dtype, device)
    graphs = []
    for query, key, value, arguments in calls:
        inputs = [tensor.requires_grad_(True) for tensor in (query, key, value)]
        out = scaled_dot_product_attention(*inputs, **arguments)
        graphs.append((out, inputs, torch.empty_like(out).uniform_(-2.0, 2.0)))

    def work():
        return [torch.autograd.grad(out, inputs, grad_output, retain_graph=True)
                for out, inputs, grad_output in graphs]
    return work, ", ".join(remarks) or None


def floyd_problem(torch, request, dtype, device):
    """The five inputs, and a function from them to attention_out."""
    b, h, n, m, k, d = request["shape"]
    if b * h * n * m * k > MOST_SCORES:
        raise CannotExpress(f"cannot express it but by scores of {b * h * n * m * k} elements")
    shapes = [(n, m), (n, k), (n, k), (k, m), (k, m)]
    inputs = [torch.empty([b, h, *shape, d], dtype=dtype, device=device).uniform_(-1.7, 1.7)
              for shape in shapes]
    mask = None
    if request["mask"] != "none":
        sizes = [b, h, n, m, k] if request["mask"] == "bhnmk" else [b, 1, n, 1, k]
        share = 0.0 if request["mask"] == "zeros" else 0.5
        mask = torch.rand(sizes, device=device) < share

    def forward(query, key1, value1, key2, value2):
        z = torch.einsum("bhnmd,bhnkd->bhnmk", query, key1)
        z += torch.einsum("bhnmd,bhkmd->bhnmk", query, key2)
        p = torch.softmax(scores(torch, z, request["scale"], mask), -1)
        return (torch.einsum("bhnmk,bhnkd->bhnmd", p, value1)
                + torch.einsum("bhnmk,bhkmd->bhnmd", p, value2))
    return inputs, forward


def floyd_function(torch, request, dtype, device):
    inputs, forward = floyd_problem(torch, request, dtype, device)

    def work():
        with torch.no_grad():
            return forward(*inputs)
    return work, None


def floyd_grad_function(torch, request, dtype, device):
    inputs, forward = floyd_problem(torch, request, dtype, device)
    for tensor in inputs:
        tensor.requires_grad_(True)
    out = forward(*inputs)
    grad_output = torch.empty_like(out).uniform_(-1.7, 1.7)

    def work():
        return torch.autograd.grad(out, inputs, grad_output, retain_graph=True)
    return work, "with the probabilities stored"


FUNCTIONS = {"softmax": softmax_function, "softmax_grad": softmax_grad_function,
             "attention": attention_function, "attention_grad": attention_grad_function,
             "floyd": floyd_function, "floyd_grad": floyd_grad_function}


def measure(torch, request):
    device = request["device"]
    if device != "cpu" and not torch.cuda.is_available():
        raise RuntimeError("this PyTorch sees no GPU")
    torch.manual_seed(1)
    torch.set_num_threads(request["threads"])
    dtype = getattr(torch, DTYPES[request["dtype"]])
    work, how = FUNCTIONS[request["operator"]](torch, request, dtype, device)

    def once():
        if device != "cpu":
            torch.cuda.synchronize()
        begin = time.perf_counter()
        result = work()
        if device != "cpu":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - begin
        del result
        return seconds

    warm_up = once()
    runs = min([request["runs"]] + [most for seconds, most in MOST_RUNS if warm_up >= seconds])
    times = [once() for _ in range(runs)]
    median = statistics.median(times)
    return {
        "median_s": median,
        "mad_s": statistics.median(abs(t - median) for t in times),
        "min_s": min(times),
        "runs": runs,
        "torch": torch.__version__,
        "how": how,
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
        except CannotExpress as error:
            answer = {"error": str(error), "torch": torch.__version__}
        except Exception as error:  # whatever it is, the benchmark reports it
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0],
                      "torch": torch.__version__}
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
