"""npu_fusion_attention, its gradient, both in two versions, and _npu_dropout_gen_mask."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

import torch
from torch import Tensor

import clformer
from clformer import attention, errors
from clformer._arrays import integers

_SEED_BITS = (1 << 64) - 1


def _refuse(values):
    """Arguments that the operator has on newer NPUs and clformer does not compute."""
    for name, value in values.items():
        if value is not None:
            raise errors.invalid(f"{name} is given, accepted: None")


def _layout_of(text, given):
    """softmax_layout: "" or, with the layout TND only, "TND"."""
    if given not in ("", "TND") or (given == "TND" and text != "TND"):
        raise errors.invalid(
            f"softmax_layout is {given!r} with input_layout {text!r}, accepted: '', or 'TND' with TND")
    return given


def _upper(layout):
    if not isinstance(layout, str):
        raise errors.ArgumentTypeError(f"input_layout is {layout!r}, accepted: a str", 161002,
                                       "CLF_ERR_PARAM_INVALID")
    return layout.upper()


def _first(name, values):
    """q_start_idx, kv_start_idx: of a list the first number counts."""
    numbers = integers(name, values)
    return numbers[0] if numbers else 0


def _absent(tensor):
    """A tensor without elements stands for one that is not given."""
    return None if tensor is None or tensor.numel() == 0 else tensor


def draw_seed():
    """A seed from PyTorch's generator: torch.manual_seed and checkpointing reproduce it."""
    return int(torch.randint(0, (1 << 63) - 1, (1,), dtype=torch.int64))


def _dropout(keep_prob, dropout_mask, seed, offset):
    """(arguments of the native call, seed, offset) for the way in which this call drops."""
    if _absent(dropout_mask) is not None:
        return {"drop_mask": dropout_mask}, seed, offset
    if not 0.0 < keep_prob < 1.0 or abs(keep_prob - 1.0) < 1e-9:
        return {}, 0, 0
    if seed == 0:
        seed, offset = draw_seed(), 0
    return {"generate_dropout": True, "seed": seed & _SEED_BITS, "offset": offset & _SEED_BITS}, \
        seed, offset


class _Attention(torch.autograd.Function):
    """The forward saves what clf_flash_attention_grad needs, and no scores."""

    @staticmethod
    def forward(ctx, query, key, value, pse, atten_mask, dropout_mask, options):
        out, softmax_max, softmax_sum = clformer.flash_attention(
            query, key, value, pse=pse, atten_mask=atten_mask, drop_mask=dropout_mask, **options)
        ctx.options = options
        ctx.save_for_backward(query, key, value, pse, atten_mask, dropout_mask, out, softmax_max,
                              softmax_sum)
        ctx.mark_non_differentiable(softmax_max, softmax_sum)
        ctx.set_materialize_grads(False)
        return out, softmax_max, softmax_sum

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output, _grad_max, _grad_sum):
        nothing = (None,) * 7
        if grad_output is None:
            return nothing
        query, key, value, pse, atten_mask, dropout_mask, out, softmax_max, softmax_sum = \
            ctx.saved_tensors
        grads = clformer.flash_attention_grad(
            query, key, value, grad_output, out, softmax_max, softmax_sum, pse=pse,
            atten_mask=atten_mask, drop_mask=dropout_mask, want_grad_pse=ctx.needs_input_grad[3],
            **ctx.options)
        return (grads.grad_query, grads.grad_key, grads.grad_value, grads.grad_pse) + nothing[4:]


def _join_rope(layout, head_num, tensor, rope):
    """Rotary parts of query and key are further columns of each head."""
    if rope is None:
        return tensor
    if layout in ("BSH", "SBH"):
        raise errors.invalid(f"query_rope and key_rope with input_layout {layout}, accepted: BNSD, "
                             "BSND, TND")
    return torch.cat((tensor, rope), dim=-1)


def _forward(query, key, value, head_num, input_layout, *, pse, padding_mask, atten_mask, scale,
             keep_prob, pre_tokens, next_tokens, inner_precise, prefix, actual_seq_qlen,
             actual_seq_kvlen, sparse_mode, softmax_layout, sink, dropout_mask, seed, offset,
             pse_type=1, q_start_idx=None, kv_start_idx=None):
    _refuse({"padding_mask": _absent(padding_mask), "sink": _absent(sink)})
    layout = _upper(input_layout)
    lengths = {"actual_seq_qlen": integers("actual_seq_qlen", actual_seq_qlen) or None,
               "actual_seq_kvlen": integers("actual_seq_kvlen", actual_seq_kvlen) or None}
    options = {
        "head_num": head_num, "input_layout": layout, "scale": scale, "keep_prob": keep_prob,
        "pre_tokens": pre_tokens, "next_tokens": next_tokens, "inner_precise": inner_precise,
        "sparse_mode": sparse_mode, "prefix": integers("prefix", prefix) or None, **lengths,
        "softmax_layout": _layout_of(layout, softmax_layout), "pse_type": pse_type,
        "q_start_idx": _first("q_start_idx", q_start_idx),
        "kv_start_idx": _first("kv_start_idx", kv_start_idx)}
    dropping, seed, offset = _dropout(keep_prob, dropout_mask, seed, offset)
    dropout_mask = dropping.pop("drop_mask", None)
    options.update(dropping)
    out, softmax_max, softmax_sum = _Attention.apply(
        query, key, value, _absent(pse), _absent(atten_mask), dropout_mask, options)
    numels = clformer.num_probabilities(query, key, head_num=head_num, input_layout=layout, **lengths)
    reserved = torch.empty((0,), dtype=query.dtype)
    return out, softmax_max, softmax_sum, reserved, seed, offset, numels


def _backward(query, key, value, dy, head_num, input_layout, *, pse, padding_mask, atten_mask,
              softmax_max, softmax_sum, attention_in, scale_value, keep_prob, pre_tokens,
              next_tokens, inner_precise, seed, offset, prefix, actual_seq_qlen, actual_seq_kvlen,
              sparse_mode, softmax_layout, sink, pse_type=1, q_start_idx=None, kv_start_idx=None):
    _refuse({"padding_mask": _absent(padding_mask), "sink": _absent(sink)})
    layout = _upper(input_layout)
    dropping = {}
    if keep_prob < 1.0 and abs(keep_prob - 1.0) >= 1e-9:
        dropping = {"generate_dropout": True, "seed": seed & _SEED_BITS, "offset": offset & _SEED_BITS}
    with torch.no_grad():
        return clformer.flash_attention_grad(
            query, key, value, dy, attention_in, softmax_max, softmax_sum, head_num=head_num,
            input_layout=layout, pse=_absent(pse), atten_mask=_absent(atten_mask),
            scale=scale_value, keep_prob=keep_prob, pre_tokens=pre_tokens, next_tokens=next_tokens,
            inner_precise=inner_precise, sparse_mode=sparse_mode, pse_type=pse_type,
            q_start_idx=_first("q_start_idx", q_start_idx),
            kv_start_idx=_first("kv_start_idx", kv_start_idx),
            prefix=integers("prefix", prefix) or None,
            actual_seq_qlen=integers("actual_seq_qlen", actual_seq_qlen) or None,
            actual_seq_kvlen=integers("actual_seq_kvlen", actual_seq_kvlen) or None,
            softmax_layout=_layout_of(layout, softmax_layout), **dropping)


def npu_fusion_attention(
    query: Tensor, key: Tensor, value: Tensor, head_num: int, input_layout: str,
    pse: Optional[Tensor] = None, padding_mask: Optional[Tensor] = None,
    atten_mask: Optional[Tensor] = None, scale: float = 1., keep_prob: float = 1.,
    pre_tockens: int = 2147483647, next_tockens: int = 2147483647, inner_precise: int = 0,
    prefix: Optional[Sequence[int]] = None, actual_seq_qlen: Optional[Sequence[int]] = None,
    actual_seq_kvlen: Optional[Sequence[int]] = None, sparse_mode: int = 0,
    gen_mask_parallel: bool = True, sync: bool = False, softmax_layout: str = "",
    sink: Optional[Tensor] = None, dropout_mask: Optional[Tensor] = None, seed: int = 0,
    offset: int = 0,
) -> Tuple[Tensor, Tensor, Tensor, Tensor, int, int, int]:
    """torch_npu.npu_fusion_attention: fused attention, with gradients of query, key, value and pse.

    query, key, value  fp32, fp16 or bf16, on the CPU; shapes by input_layout (BSH, SBH, BSND, BNSD,
                       TND, in any case); head_num: the query's heads
    pse                bias, query's dtype, added before the multiplication by scale
    padding_mask       must be None, as on the NPU
    atten_mask         bool or uint8, 1 = left out; None: all pairs, sparse_mode and tockens ignored
    keep_prob          (0, 1]; below 1 dropout with a seed drawn from PyTorch's generator, unless
                       `seed` is not 0 or `dropout_mask` has the bits
    gen_mask_parallel, sync   without effect
    sink               must be None

    Returns (attention_out, softmax_max, softmax_sum, reserved and empty, seed, offset, numels);
    seed and offset are 0 without dropout.

    Errors: clformer.Error, which is a RuntimeError as torch_npu raises it, with status and sentence.
    docs/coming-from-torch-npu.md has every argument and every difference.
    """
    return _forward(query, key, value, head_num, input_layout, pse=pse, padding_mask=padding_mask,
                    atten_mask=atten_mask, scale=scale, keep_prob=keep_prob, pre_tokens=pre_tockens,
                    next_tokens=next_tockens, inner_precise=inner_precise, prefix=prefix,
                    actual_seq_qlen=actual_seq_qlen, actual_seq_kvlen=actual_seq_kvlen,
                    sparse_mode=sparse_mode, softmax_layout=softmax_layout, sink=sink,
                    dropout_mask=dropout_mask, seed=seed, offset=offset)


def npu_fusion_attention_grad(
    query: Tensor, key: Tensor, value: Tensor, dy: Tensor, head_num: int, input_layout: str, *,
    pse: Optional[Tensor] = None, padding_mask: Optional[Tensor] = None,
    atten_mask: Optional[Tensor] = None, softmax_max: Optional[Tensor] = None,
    softmax_sum: Optional[Tensor] = None, softmax_in: Optional[Tensor] = None,
    attention_in: Optional[Tensor] = None, scale_value: float = 1., keep_prob: float = 1.,
    pre_tockens: int = 2147483647, next_tockens: int = 2147483647, inner_precise: int = 0,
    seed: int = 0, offset: int = 0, numels: int = 0, prefix: Optional[Sequence[int]] = None,
    actual_seq_qlen: Optional[Sequence[int]] = None,
    actual_seq_kvlen: Optional[Sequence[int]] = None, sparse_mode: int = 0,
    gen_mask_parallel: bool = True, sync: bool = False, softmax_layout: str = "",
    sink: Optional[Tensor] = None,
) -> Tuple[Tensor, Tensor, Tensor, Optional[Tensor], Optional[Tensor]]:
    """torch_npu.npu_fusion_attention_grad: the gradients, from the forward's results.

    dy                          gradient of attention_out
    softmax_max, softmax_sum, attention_in   results 2, 3 and 1 of the forward
    softmax_in, numels          without effect (numels follows from the shapes)
    seed, offset                results 5 and 6 of the forward
    the rest                    as the forward had it; scale is called scale_value

    Returns (dq, dk, dv, dpse, dsink): dpse is the true gradient of pse, None without one; dsink is
    None. Errors as in npu_fusion_attention.
    """
    grads = _backward(
        query, key, value, dy, head_num, input_layout, pse=pse, padding_mask=padding_mask,
        atten_mask=atten_mask, softmax_max=softmax_max, softmax_sum=softmax_sum,
        attention_in=attention_in, scale_value=scale_value, keep_prob=keep_prob,
        pre_tokens=pre_tockens, next_tokens=next_tockens, inner_precise=inner_precise, seed=seed,
        offset=offset, prefix=prefix, actual_seq_qlen=actual_seq_qlen,
        actual_seq_kvlen=actual_seq_kvlen, sparse_mode=sparse_mode, softmax_layout=softmax_layout,
        sink=sink)
    return (*grads, None)


def npu_fusion_attention_v2(
    query: Tensor, key: Tensor, value: Tensor, head_num: int, input_layout: str, *,
    pse: Optional[Tensor] = None, padding_mask: Optional[Tensor] = None,
    atten_mask: Optional[Tensor] = None, query_rope: Optional[Tensor] = None,
    key_rope: Optional[Tensor] = None, scale: float = 1., keep_prob: float = 1.,
    pre_tokens: int = 2147483647, next_tokens: int = 2147483647, inner_precise: int = 0,
    prefix: Optional[Sequence[int]] = None, actual_seq_qlen: Optional[Sequence[int]] = None,
    actual_seq_kvlen: Optional[Sequence[int]] = None, sparse_mode: int = 0,
    gen_mask_parallel: bool = True, sync: bool = False, pse_type: int = 1,
    q_start_idx: Optional[Sequence[int]] = None, kv_start_idx: Optional[Sequence[int]] = None,
    softmax_layout: str = "", sink: Optional[Tensor] = None,
    dropout_mask: Optional[Tensor] = None, seed: int = 0, offset: int = 0,
) -> Tuple[Tensor, Tensor, Tensor, Tensor, int, int, int]:
    """torch_npu.npu_fusion_attention_v2: npu_fusion_attention with more kinds of bias.

    pse_type                    1: (query key^T + pse) * scale; 0: query key^T * scale + pse; 2 and 3:
                                pse has slopes, fp32, [N] or [B,N]
    q_start_idx, kv_start_idx   for slopes: where this slice begins; of a list the first number counts
    query_rope, key_rope        further columns of query and key, joined to them before the product
    the rest, results, errors   as in npu_fusion_attention; the windows are pre_tokens, next_tokens
    """
    _check_rope(query_rope, key_rope)
    layout = _upper(input_layout)
    return _forward(_join_rope(layout, head_num, query, query_rope),
                    _join_rope(layout, head_num, key, key_rope), value, head_num, layout, pse=pse,
                    padding_mask=padding_mask, atten_mask=atten_mask, scale=scale,
                    keep_prob=keep_prob, pre_tokens=pre_tokens, next_tokens=next_tokens,
                    inner_precise=inner_precise, prefix=prefix, actual_seq_qlen=actual_seq_qlen,
                    actual_seq_kvlen=actual_seq_kvlen, sparse_mode=sparse_mode,
                    softmax_layout=softmax_layout, sink=sink, dropout_mask=dropout_mask, seed=seed,
                    offset=offset, pse_type=pse_type, q_start_idx=q_start_idx,
                    kv_start_idx=kv_start_idx)


def _check_rope(query_rope, key_rope):
    if (query_rope is None) != (key_rope is None):
        raise errors.invalid("one of query_rope and key_rope is given, accepted: both or none")


def npu_fusion_attention_grad_v2(
    query: Tensor, key: Tensor, value: Tensor, dy: Tensor, head_num: int, input_layout: str, *,
    pse: Optional[Tensor] = None, padding_mask: Optional[Tensor] = None,
    atten_mask: Optional[Tensor] = None, softmax_max: Optional[Tensor] = None,
    softmax_sum: Optional[Tensor] = None, softmax_in: Optional[Tensor] = None,
    attention_in: Optional[Tensor] = None, query_rope: Optional[Tensor] = None,
    key_rope: Optional[Tensor] = None, scale_value: float = 1., keep_prob: float = 1.,
    pre_tokens: int = 2147483647, next_tokens: int = 2147483647, inner_precise: int = 0,
    seed: int = 0, offset: int = 0, numels: int = 0, prefix: Optional[Sequence[int]] = None,
    actual_seq_qlen: Optional[Sequence[int]] = None,
    actual_seq_kvlen: Optional[Sequence[int]] = None, sparse_mode: int = 0,
    gen_mask_parallel: bool = True, sync: bool = False, pse_type: int = 1,
    q_start_idx: Optional[Sequence[int]] = None, kv_start_idx: Optional[Sequence[int]] = None,
    softmax_layout: str = "", sink: Optional[Tensor] = None,
) -> Tuple[Tensor, Tensor, Tensor, Optional[Tensor], Optional[Tensor], Optional[Tensor],
           Optional[Tensor]]:
    """torch_npu.npu_fusion_attention_grad_v2: the gradients of npu_fusion_attention_v2.

    Returns (dq, dk, dv, dpse, dq_rope, dk_rope, dsink); those of what was not given are None.
    Arguments and errors as in npu_fusion_attention_grad and npu_fusion_attention_v2.
    """
    _check_rope(query_rope, key_rope)
    layout = _upper(input_layout)
    grads = _backward(
        _join_rope(layout, head_num, query, query_rope), _join_rope(layout, head_num, key, key_rope),
        value, dy, head_num, layout, pse=pse, padding_mask=padding_mask, atten_mask=atten_mask,
        softmax_max=softmax_max, softmax_sum=softmax_sum, attention_in=attention_in,
        scale_value=scale_value, keep_prob=keep_prob, pre_tokens=pre_tokens, next_tokens=next_tokens,
        inner_precise=inner_precise, seed=seed, offset=offset, prefix=prefix,
        actual_seq_qlen=actual_seq_qlen, actual_seq_kvlen=actual_seq_kvlen, sparse_mode=sparse_mode,
        softmax_layout=softmax_layout, sink=sink, pse_type=pse_type, q_start_idx=q_start_idx,
        kv_start_idx=kv_start_idx)
    dq, dk, dv, dpse = grads
    if query_rope is None or key_rope is None:
        return dq, dk, dv, dpse, None, None, None
    dq, dq_rope = dq.split((query.shape[-1], query_rope.shape[-1]), dim=-1)
    dk, dk_rope = dk.split((key.shape[-1], key_rope.shape[-1]), dim=-1)
    return dq, dk, dv, dpse, dq_rope, dk_rope, None


def _npu_dropout_gen_mask(self: Tensor, size: Sequence[int], p: float, seed: int, offset: int, *,
                          parallel: bool = True, sync: Optional[bool] = None) -> Tensor:
    """torch_npu._npu_dropout_gen_mask: dropout bits, those that npu_fusion_attention uses.

    self            only its dtype counts (fp32, fp16, bf16): how finely p is resolved
    size            a shape; its product is the number of bits
    p               drop probability, [0, 1)
    seed, offset    of the counter
    parallel, sync  without effect

    Returns uint8, [ceil(numel / 128) * 16]; set bits are kept. Errors as in npu_fusion_attention.
    """
    number = 1
    for extent in integers("size", size):
        number *= extent
    return attention.dropout_mask(number, p, probability_dtype=self.dtype, seed=seed & _SEED_BITS,
                                  offset=offset & _SEED_BITS, like=self)
