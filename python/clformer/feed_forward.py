"""FFN; include/clformer/ffn.h is the reference."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from clformer import _arrays, errors
from clformer._calls import Call
from clformer._typing import AnyArray, Array, DeviceChoice, Weight
from clformer.plan import run


def ffn(
    x: Array,
    weight1: Weight,
    weight2: Weight,
    activation: str,
    *,
    expert_tokens: Optional[Sequence[int]] = None,
    expert_tokens_tensor: Optional[AnyArray] = None,
    tokens_index_flag: bool = False,
    bias1: Optional[AnyArray] = None,
    bias2: Optional[AnyArray] = None,
    scale: Optional[AnyArray] = None,
    offset: Optional[AnyArray] = None,
    deq_scale1: Optional[AnyArray] = None,
    deq_scale2: Optional[AnyArray] = None,
    antiquant_scale1: Optional[AnyArray] = None,
    antiquant_scale2: Optional[AnyArray] = None,
    antiquant_offset1: Optional[AnyArray] = None,
    antiquant_offset2: Optional[AnyArray] = None,
    inner_precise: int = 0,
    output_dtype: Any = None,
    out: Optional[Array] = None,
    variant: str = "auto",
    device: DeviceChoice = None,
) -> Array:
    """activation(x weight1 + bias1) weight2 + bias2, also as a mixture of experts.

    x                   [..., K1], 2 to 8 axes: fp32, fp16, bf16, int8
    weight1, weight2    [K1,N1] and [K2,N2], with experts [E,K1,N1] and [E,K2,N2]: x's dtype, or,
                        with fp16 and bf16 x, int8 or clformer.Int4
    activation          fastgelu, gelu, relu, silu (K2 = N1); geglu, reglu, swiglu (K2 = N1 / 2)
    expert_tokens       the experts' tokens, a sequence of E ints, part of the plan; or
    expert_tokens_tensor  int64, [E], which is read at each run
    tokens_index_flag   these are ends of ranges instead of counts
    bias1, bias2        [N] or [E,N]: fp32, fp16; with bf16 x fp32, with int8 x int32
    scale, offset, deq_scale1, deq_scale2   int8 x only, where they are required
    antiquant_scale1, 2, antiquant_offset1, 2   int8 or int4 weights with fp16 or bf16 x only,
                        where they are required; x's dtype
    inner_precise       0 or 1, without effect
    output_dtype        int8 x only: "fp16" (default) or "bf16"
    out                 where to write; None: a new array
    variant, device     as in scaled_masked_softmax

    Returns [..., N2], an array of x's kind and dtype. Inference only: it has no gradient. What is
    rounded where: docs/ffn.md. Errors: InvalidArgumentError and others as in scaled_masked_softmax.

    After CANN's FFN (torch_npu.npu_ffn).
    """
    found = _arrays.view("x", x)
    columns = _arrays.view("weight2", weight2).shape[-1:]
    wanted = found.dtype
    if found.dtype == "int8":
        wanted = "fp16" if output_dtype is None else _arrays.dtype_name("output_dtype", output_dtype)
        if wanted not in ("fp16", "bf16"):
            raise errors.invalid(f"output_dtype is {wanted}, accepted: fp16, bf16")
    if out is None:
        out = _arrays.empty_like_kind(x, found.shape[:-1] + columns, wanted)
    inputs = {
        "x": x, "weight1": weight1, "weight2": weight2, "bias1": bias1, "bias2": bias2,
        "scale": scale, "offset": offset, "deq_scale1": deq_scale1, "deq_scale2": deq_scale2,
        "antiquant_scale1": antiquant_scale1, "antiquant_scale2": antiquant_scale2,
        "antiquant_offset1": antiquant_offset1, "antiquant_offset2": antiquant_offset2,
        "expert_tokens_tensor": expert_tokens_tensor}
    attributes = {"activation": activation, "inner_precise": inner_precise, "variant": variant,
                  "tokens_index_flag": tokens_index_flag,
                  "expert_tokens": _arrays.integers("expert_tokens", expert_tokens)}
    return run(Call("ffn", inputs, {"y": out}, attributes, lambda: out), device)
