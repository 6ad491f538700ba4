"""A script as it is written for an Ascend NPU: every fused operator, compared with plain PyTorch.

On an NPU: python torch_npu_style.py. Without one, on OpenCL:
python -m clformer.torch_npu torch_npu_style.py
"""

import math

import torch
import torch_npu


def report(name, found, expected):
    """The largest difference, in units of the largest value; in fp16 about 1e-3 is one rounding."""
    found, expected = found.detach().cpu().double(), expected.detach().cpu().double()
    difference = float((found - expected).abs().max() / expected.abs().max())
    print(f"{name:52} {difference:.0e}")
    assert difference < 5e-3, name


def softmax():
    scores = torch.randn(2, 8, 64, 128, device="npu").half()
    mask = torch.rand(2, 1, 64, 128, device="npu") > 0.5
    found = torch_npu.npu_scaled_masked_softmax(scores, mask, 0.125, False)
    expected = torch.softmax((scores.float() * 0.125).masked_fill(mask, -math.inf), dim=-1)
    report("npu_scaled_masked_softmax", found, expected)


def attention():
    q, k, v = (torch.randn(1, 8, 256, 64).half().npu().requires_grad_() for _ in range(3))
    causal = torch.triu(torch.ones(2048, 2048), diagonal=1).bool().npu()
    out = torch_npu.npu_fusion_attention(q, k, v, 8, input_layout="BNSD", atten_mask=causal,
                                         scale=1 / math.sqrt(64), sparse_mode=2)[0]
    scores = q.float() @ k.float().transpose(-1, -2) / math.sqrt(64)
    expected = torch.softmax(scores.masked_fill(causal[:256, :256], -math.inf), -1) @ v.float()
    report("npu_fusion_attention", out, expected)
    grad = torch.randn_like(out)
    ours = torch.autograd.grad(out, (q, k, v), grad)
    plain = torch.autograd.grad(expected, (q, k, v), grad.float())
    for name, found, wanted in zip(("query", "key", "value"), ours, plain):
        report(f"npu_fusion_attention, gradient of {name}", found, wanted)


def feed_forward():
    tokens = [7, 0, 20, 5]
    x = torch.randn(32, 128).half().npu()
    weight1, weight2 = (0.1 * torch.randn(4, *shape).half().npu() for shape in ((128, 256), (256, 128)))
    out = torch_npu.npu_ffn(x, weight1, weight2, "fastgelu", expert_tokens=tokens, inner_precise=1)
    parts = []
    for rows, w1, w2 in zip(x.float().split(tokens), weight1.float(), weight2.float()):
        hidden = rows @ w1
        parts.append((hidden * torch.sigmoid(1.702 * hidden)) @ w2)
    report("npu_ffn, four experts", out, torch.cat(parts))


def floyd():
    shapes = {"query": (16, 32), "key1": (16, 48), "value1": (16, 48), "key2": (48, 32), "value2": (48, 32)}
    query, key1, value1, key2, value2 = (
        torch.randn(1, 4, *shape, 32).half().npu() for shape in shapes.values())
    _, _, out = torch_npu.npu_fused_floyd_attention(query, key1, value1, key2, value2,
                                                    scale_value=1 / math.sqrt(32))
    query, key1, value1, key2, value2 = (t.float() for t in (query, key1, value1, key2, value2))
    scores = (torch.einsum("bhnmd,bhnkd->bhnmk", query, key1)
              + torch.einsum("bhnmd,bhkmd->bhnmk", query, key2)) / math.sqrt(32)
    weights = torch.softmax(scores, -1)
    report("npu_fused_floyd_attention", out,
           torch.einsum("bhnmk,bhnkd->bhnmd", weights, value1)
           + torch.einsum("bhnmk,bhkmd->bhnmd", weights, value2))


if __name__ == "__main__":
    torch.npu.set_device("npu:0")
    torch.manual_seed(1)
    print(f"{'on ' + torch.npu.get_device_name():52} difference from plain PyTorch")
    for operator in (softmax, attention, feed_forward, floyd):
        operator()
    torch.npu.synchronize()
