"""npu_scaled_masked_softmax, npu_ffn, npu_fused_floyd_attention and its gradient."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple

import torch
from torch import Tensor

import clformer
from clformer import errors
from clformer._arrays import integers


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, mask, scale, fixed_triu_mask):
        y = clformer.scaled_masked_softmax(x, mask, scale=scale, fixed_triu_mask=fixed_triu_mask)
        ctx.save_for_backward(y, mask)
        ctx.attributes = {"scale": scale, "fixed_triu_mask": fixed_triu_mask}
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        y, mask = ctx.saved_tensors
        grad = clformer.scaled_masked_softmax_grad(grad_output, y, mask, **ctx.attributes)
        return grad, None, None, None


def npu_scaled_masked_softmax(x: Tensor, mask: Optional[Tensor], scale: Any = 1.0,
                              fixed_triu_mask: bool = False) -> Tensor:
    """torch_npu.npu_scaled_masked_softmax: softmax(scale * x) with masked places left out, with a
    gradient of x.

    x                fp32, fp16 or bf16, on the CPU; of any rank and size
    mask             bool, 1 = left out; broadcast to x; None with fixed_triu_mask, or for no mask
    scale            a number of any sign
    fixed_triu_mask  mask column w of row h where w > h, instead of `mask`

    Returns a tensor of x's shape and dtype; completely masked rows are 1/W, with gradient 0.
    Errors: clformer.Error, which is a RuntimeError as torch_npu raises it, with status and sentence.
    """
    return _Softmax.apply(x, mask, float(scale), bool(fixed_triu_mask))


def npu_ffn(
    x: Tensor, weight1: Tensor, weight2: Tensor, activation: str, *,
    expert_tokens: Optional[Sequence[int]] = None,
    expert_tokens_index: Optional[Sequence[int]] = None, bias1: Optional[Tensor] = None,
    bias2: Optional[Tensor] = None, scale: Optional[Tensor] = None,
    offset: Optional[Tensor] = None, deq_scale1: Optional[Tensor] = None,
    deq_scale2: Optional[Tensor] = None, antiquant_scale1: Optional[Tensor] = None,
    antiquant_scale2: Optional[Tensor] = None, antiquant_offset1: Optional[Tensor] = None,
    antiquant_offset2: Optional[Tensor] = None, inner_precise: Optional[int] = None,
    output_dtype: Optional[torch.dtype] = None,
) -> Tensor:
    """torch_npu.npu_ffn: activation(x weight1 + bias1) weight2 + bias2, also with experts.

    x                     [..., K1], 2 to 8 axes: fp32, fp16, bf16, int8
    weight1, weight2      [K1,N1] and [K2,N2], with experts [E,K1,N1] and [E,K2,N2]: x's dtype or int8
    activation            fastgelu, gelu, relu, silu, geglu, swiglu, reglu
    expert_tokens         tokens of each expert; or expert_tokens_index: the ends of their ranges
    scale, offset, deq_scale1, deq_scale2   required with int8 x
    antiquant_...         required with int8 weights and another x
    inner_precise         None, 0 or 1, without effect
    output_dtype          with int8 x: torch.float16 (default) or torch.bfloat16; otherwise ignored

    Returns [..., N2]. Inference only: an input that requires a gradient is refused while gradients
    are enabled, because the result would silently have none. Errors as in npu_scaled_masked_softmax.
    """
    if expert_tokens is not None and expert_tokens_index is not None:
        raise errors.invalid("expert_tokens and expert_tokens_index are both given, accepted: one")
    tensors: Dict[str, Any] = {
        "bias1": bias1, "bias2": bias2, "scale": scale, "offset": offset, "deq_scale1": deq_scale1,
        "deq_scale2": deq_scale2, "antiquant_scale1": antiquant_scale1,
        "antiquant_scale2": antiquant_scale2, "antiquant_offset1": antiquant_offset1,
        "antiquant_offset2": antiquant_offset2}
    if torch.is_grad_enabled():
        for name, tensor in {"x": x, "weight1": weight1, "weight2": weight2, **tensors}.items():
            if isinstance(tensor, Tensor) and tensor.requires_grad:
                raise errors.UnsupportedError(
                    f"{name} requires a gradient, which FFN does not have; accepted: inside "
                    "torch.no_grad(), or tensors that do not", 200001, "CLF_ERR_UNSUPPORTED")
    tokens = expert_tokens if expert_tokens_index is None else expert_tokens_index
    return clformer.ffn(
        x, weight1, weight2, activation, expert_tokens=integers("expert_tokens", tokens) or None,
        tokens_index_flag=expert_tokens_index is not None,
        inner_precise=0 if inner_precise is None else inner_precise, output_dtype=output_dtype,
        **tensors)


class _Floyd(torch.autograd.Function):
    @staticmethod
    def forward(ctx, query, key1, value1, key2, value2, atten_mask, scale_value):
        out, softmax_max, softmax_sum = clformer.floyd_attention(
            query, key1, value1, key2, value2, atten_mask=atten_mask, scale_value=scale_value)
        ctx.save_for_backward(query, key1, value1, key2, value2, atten_mask, out, softmax_max,
                              softmax_sum)
        ctx.scale_value = scale_value
        ctx.mark_non_differentiable(softmax_max, softmax_sum)
        ctx.set_materialize_grads(False)
        return softmax_max, softmax_sum, out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, _grad_max, _grad_sum, grad_output):
        if grad_output is None:
            return (None,) * 7
        query, key1, value1, key2, value2, atten_mask, out, softmax_max, softmax_sum = \
            ctx.saved_tensors
        grads = clformer.floyd_attention_grad(
            query, key1, value1, key2, value2, grad_output, out, softmax_max, softmax_sum,
            atten_mask=atten_mask, scale_value=ctx.scale_value)
        return (*grads, None, None)


def npu_fused_floyd_attention(
    query_ik: Tensor, key_ij: Tensor, value_ij: Tensor, key_jk: Tensor, value_jk: Tensor, *,
    atten_mask: Optional[Tensor] = None, scale_value: float = 1.,
) -> Tuple[Tensor, Tensor, Tensor]:
    """torch_npu.npu_fused_floyd_attention: attention of edges over pivots, with five gradients.

    query_ik            [B,H,N,M,D]: fp32, fp16 or bf16, on the CPU, all five alike
    key_ij, value_ij    [B,H,N,K,D]
    key_jk, value_jk    [B,H,K,M,D]
    atten_mask          bool or uint8, 1 = left out: [B,1,N,1,K], or any axes of [B,H,N,M,K] 1

    Returns (softmax_max, softmax_sum, attention_out): the statistics, fp32 [B,H,N,M,8], come first.
    Errors as in npu_scaled_masked_softmax.
    """
    return _Floyd.apply(query_ik, key_ij, value_ij, key_jk, value_jk, atten_mask, float(scale_value))


def npu_fused_floyd_attention_backward(
    grad_output: Tensor, query_ik: Tensor, key_ij: Tensor, value_ij: Tensor, key_jk: Tensor,
    value_jk: Tensor, attention_out: Tensor, softmax_max: Tensor, softmax_sum: Tensor, *,
    atten_mask: Optional[Tensor] = None, scale_value: float = 1.,
) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The gradients of npu_fused_floyd_attention, from its results.

    Returns (dquery_ik, dkey_ij, dvalue_ij, dkey_jk, dvalue_jk). Errors as there.
    """
    with torch.no_grad():
        return tuple(clformer.floyd_attention_grad(
            query_ik, key_ij, value_ij, key_jk, value_jk, grad_output, attention_out, softmax_max,
            softmax_sum, atten_mask=atten_mask, scale_value=float(scale_value)))
