"""FlashAttentionScore, its gradient and its dropout mask; include/clformer/attention.h and
attention_grad.h are the reference."""

from __future__ import annotations

import ctypes
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy

from clformer import _arrays, _calls, _declarations, errors
from clformer._calls import Call
from clformer._library import check, lib
from clformer._typing import AnyArray, DeviceChoice
from clformer.plan import run

ALL_TOKENS = _declarations.ALL_TOKENS
"""pre_tokens and next_tokens at this value do not limit anything."""

_SEQUENCE_AXES = {"BNSD": (0, 1, 2), "BSND": (0, 2, 1)}


class Attention(NamedTuple):
    """attention_out: query's layout and dtype; softmax_max and softmax_sum: fp32, [B,N,Sq,8], or
    [T,N,8] in TND, with 8 equal copies on the last axis."""

    attention_out: Any
    softmax_max: Any
    softmax_sum: Any


class AttentionGradients(NamedTuple):
    """Each has the shape and dtype of what it is the gradient of; grad_pse is None without a pse."""

    grad_query: Any
    grad_key: Any
    grad_value: Any
    grad_pse: Any


def compressed_mask(sparse_mode: int, like: Optional[AnyArray] = None) -> Any:
    """The atten_mask that sparse modes 2, 3, 4, 6, 7 and 8 ask for: bool, [2048,2048] or, for mode
    6, [3072,2048]. clformer reads its shape only, so that it needs no memory here: all its elements
    are one. A PyTorch tensor if `like` is one."""
    if sparse_mode not in (2, 3, 4, 6, 7, 8):
        raise errors.invalid(f"sparse_mode is {sparse_mode!r}, accepted: 2, 3, 4, 6, 7, 8")
    shape = (3072 if sparse_mode == 6 else 2048, 2048)
    if _arrays.is_tensor(like):
        return _arrays.empty_like_kind(like, (1, 1), "bool").fill_(True).expand(shape)
    return numpy.broadcast_to(numpy.ones((1, 1), bool), shape)


def heads_of(query: AnyArray, input_layout: str) -> int:
    """head_num where the layout has an axis for it."""
    axis = {"BNSD": 1, "BSND": 2, "TND": 1}.get(input_layout)
    shape = _arrays.view("query", query).shape
    if axis is None or axis >= len(shape):
        raise errors.MissingArgumentError(
            f"head_num is None, accepted: the number of heads, with layout {input_layout!r}", 161001,
            "CLF_ERR_PARAM_NULLPTR")
    return shape[axis]


def _output_shapes(query, key, value, head_num, layout) -> Tuple[tuple, tuple]:
    """Shapes of the result and of the statistics. Where the arguments do not fit together it does
    not matter what they are: the library refuses those first."""
    heads = max(1, head_num)
    try:
        if layout in ("BSH", "SBH"):
            head_dim = query[2] // heads
            value_dim = value[2] * head_dim // key[2] if key[2] else value[2] // heads
            batch, length = (query[0], query[1]) if layout == "BSH" else (query[1], query[0])
            return query[:2] + (heads * value_dim,), (batch, heads, length, 8)
        statistics = query[:2] + (8,)
        if layout in _SEQUENCE_AXES:
            statistics = tuple(query[axis] for axis in _SEQUENCE_AXES[layout]) + (8,)
        return query[:-1] + (value[-1],), statistics
    except IndexError:
        return query, (1, 1, 1, 8)


def _attributes(layout, head_num, values):
    values = dict(values)
    for name in ("prefix", "actual_seq_qlen", "actual_seq_kvlen"):
        values[name] = _arrays.integers(name, values[name])
    return {"input_layout": layout, "head_num": head_num, **values}


def flash_attention(
    query: AnyArray,
    key: AnyArray,
    value: AnyArray,
    *,
    head_num: Optional[int] = None,
    input_layout: str = "BNSD",
    pse: Optional[AnyArray] = None,
    drop_mask: Optional[AnyArray] = None,
    atten_mask: Optional[AnyArray] = None,
    scale: float = 1.0,
    keep_prob: float = 1.0,
    pre_tokens: int = ALL_TOKENS,
    next_tokens: int = ALL_TOKENS,
    inner_precise: int = 0,
    sparse_mode: int = 0,
    pse_type: int = 1,
    q_start_idx: int = 0,
    kv_start_idx: int = 0,
    prefix: Optional[Sequence[int]] = None,
    actual_seq_qlen: Optional[Sequence[int]] = None,
    actual_seq_kvlen: Optional[Sequence[int]] = None,
    softmax_layout: Optional[str] = None,
    generate_dropout: bool = False,
    seed: int = 0,
    offset: int = 0,
    attention_out: Optional[AnyArray] = None,
    softmax_max: Optional[AnyArray] = None,
    softmax_sum: Optional[AnyArray] = None,
    variant: str = "auto",
    device: DeviceChoice = None,
) -> Attention:
    """softmax(query key^T * scale + bias) value, without ever storing the scores.

    query, key, value  fp32, fp16 or bf16, all alike; any strides. By input_layout: BSH [B,S,N*D],
                       SBH [S,B,N*D], BSND [B,S,N,D], BNSD [B,N,S,D], TND [T,N,D]; key and value
                       may have fewer heads (N a multiple of theirs), value a smaller D; D 1..768
    head_num           N; None: taken from query, not with BSH and SBH
    pse                bias: query's dtype (pse_type 0, 1), [B or 1,N,Sq or 1,Skv] or the last 1024
                       rows; slopes: fp32 (pse_type 2, 3), [N] or [B,N]
    drop_mask          uint8, one axis: bits, lowest first, set = kept
    atten_mask         bool or uint8, nonzero = left out: [B,N,Sq,Skv], [B,1,Sq,Skv], [1,1,Sq,Skv],
                       [Sq,Skv]; for sparse_mode 2, 3, 4, 6, 7, 8: compressed_mask(sparse_mode).
                       None: every pair is computed, whatever sparse_mode is
    scale              default 1; often 1 / sqrt(D)
    keep_prob          (0, 1]; with drop_mask, or with generate_dropout, seed and offset
    pre_tokens, next_tokens   extents of the window in modes 0, 4, 7, 8
    inner_precise      2: rows without a computed pair give zeros instead of the mean of the values
    sparse_mode        0 to 8, see attention.h
    q_start_idx, kv_start_idx  where this slice begins, for slopes
    prefix             one length per batch element, modes 5 and 6
    actual_seq_qlen, actual_seq_kvlen  TND: the ends of the sequences
    softmax_layout     TND: None or "" (by sequences) or "TND" ([T,N,8])
    attention_out, softmax_max, softmax_sum   where to write; None: new arrays
    variant            "auto", "portable", "cpu"
    device             clformer.Device, a selector, or None: the default device

    Returns Attention(attention_out, softmax_max, softmax_sum), arrays of query's kind.

    Errors: InvalidArgumentError (dtype, layout, rank), ConstraintError (shapes, lengths, tokens,
    modes), MissingArgumentError, UnsupportedError, BuildError, DeviceRuntimeError,
    OutOfMemoryError.

    After CANN's FlashAttentionScore (torch_npu.npu_fusion_attention).
    """
    views = [_arrays.view(name, array)
             for name, array in (("query", query), ("key", key), ("value", value))]
    if head_num is None:
        head_num = heads_of(query, input_layout)
    attributes = _attributes(input_layout, head_num, {
        "scale": scale, "keep_prob": keep_prob, "pre_tokens": pre_tokens,
        "next_tokens": next_tokens, "inner_precise": inner_precise, "sparse_mode": sparse_mode,
        "pse_type": pse_type, "q_start_idx": q_start_idx, "kv_start_idx": kv_start_idx,
        "prefix": prefix, "actual_seq_qlen": actual_seq_qlen, "actual_seq_kvlen": actual_seq_kvlen,
        "softmax_layout": softmax_layout, "generate_dropout": generate_dropout, "seed": seed,
        "offset": offset, "variant": variant})
    heads = _calls.convert_attributes("flash_attention", {"head_num": head_num})["head_num"]
    out_shape, statistics_shape = _output_shapes(
        views[0].shape, views[1].shape, views[2].shape, heads, input_layout)
    if attention_out is None:
        attention_out = _arrays.empty_like_kind(query, out_shape, views[0].dtype)
    if softmax_max is None:
        softmax_max = _arrays.empty_like_kind(query, statistics_shape, "fp32")
    if softmax_sum is None:
        softmax_sum = _arrays.empty_like_kind(query, statistics_shape, "fp32")
    results = Attention(attention_out, softmax_max, softmax_sum)
    call = Call("flash_attention",
                {"query": query, "key": key, "value": value, "pse": pse, "drop_mask": drop_mask,
                 "atten_mask": atten_mask}, results._asdict(), attributes, lambda: results)
    return run(call, device)


def flash_attention_grad(
    query: AnyArray,
    key: AnyArray,
    value: AnyArray,
    grad_output: AnyArray,
    attention_in: AnyArray,
    softmax_max: AnyArray,
    softmax_sum: AnyArray,
    *,
    head_num: Optional[int] = None,
    input_layout: str = "BNSD",
    pse: Optional[AnyArray] = None,
    drop_mask: Optional[AnyArray] = None,
    atten_mask: Optional[AnyArray] = None,
    scale: float = 1.0,
    keep_prob: float = 1.0,
    pre_tokens: int = ALL_TOKENS,
    next_tokens: int = ALL_TOKENS,
    inner_precise: int = 0,
    sparse_mode: int = 0,
    pse_type: int = 1,
    q_start_idx: int = 0,
    kv_start_idx: int = 0,
    prefix: Optional[Sequence[int]] = None,
    actual_seq_qlen: Optional[Sequence[int]] = None,
    actual_seq_kvlen: Optional[Sequence[int]] = None,
    softmax_layout: Optional[str] = None,
    generate_dropout: bool = False,
    seed: int = 0,
    offset: int = 0,
    want_grad_pse: bool = True,
    grad_query: Optional[AnyArray] = None,
    grad_key: Optional[AnyArray] = None,
    grad_value: Optional[AnyArray] = None,
    grad_pse: Optional[AnyArray] = None,
    variant: str = "auto",
    device: DeviceChoice = None,
) -> AttentionGradients:
    """The gradients of flash_attention, computed from its saved results; nothing is stored in
    between, either.

    grad_output               attention_out's shape, query's dtype
    attention_in, softmax_max, softmax_sum   what the forward returned
    want_grad_pse             False: the gradient of pse is left out, which saves time
    grad_query, grad_key, grad_value, grad_pse   where to write; None: new arrays
    the rest                  as the forward had it

    Returns AttentionGradients(grad_query, grad_key, grad_value, grad_pse), arrays of query's kind.
    Deterministic. grad_pse is summed over the axes of size 1 of pse, and zeros for slopes and for a
    bias given by its last 1024 rows. Errors as in the forward.

    After CANN's FlashAttentionScoreGrad (torch_npu.npu_fusion_attention_grad).
    """
    if head_num is None:
        head_num = heads_of(query, input_layout)
    attributes = _attributes(input_layout, head_num, {
        "scale": scale, "keep_prob": keep_prob, "pre_tokens": pre_tokens,
        "next_tokens": next_tokens, "inner_precise": inner_precise, "sparse_mode": sparse_mode,
        "pse_type": pse_type, "q_start_idx": q_start_idx, "kv_start_idx": kv_start_idx,
        "prefix": prefix, "actual_seq_qlen": actual_seq_qlen, "actual_seq_kvlen": actual_seq_kvlen,
        "softmax_layout": softmax_layout, "generate_dropout": generate_dropout, "seed": seed,
        "offset": offset, "variant": variant})
    inputs: Dict[str, Any] = {
        "query": query, "key": key, "value": value, "grad_output": grad_output,
        "attention_in": attention_in, "softmax_max": softmax_max, "softmax_sum": softmax_sum}
    outputs: Dict[str, Any] = {"grad_query": grad_query, "grad_key": grad_key, "grad_value": grad_value}
    views = {name: _arrays.view(name, array) for name, array in inputs.items()}
    if pse is not None and want_grad_pse:
        views["pse"] = _arrays.view("pse", pse)
        outputs["grad_pse"] = grad_pse
    for name, array in outputs.items():
        model = views[name[len("grad_"):]]
        if array is None:
            outputs[name] = _arrays.empty_like_kind(query, model.shape, model.dtype)
    results = AttentionGradients(outputs["grad_query"], outputs["grad_key"], outputs["grad_value"],
                                 outputs.get("grad_pse"))
    inputs.update(pse=pse, drop_mask=drop_mask, atten_mask=atten_mask)
    call = Call("flash_attention_grad", inputs, outputs, attributes, lambda: results)
    return run(call, device)


def num_probabilities(
    query: AnyArray,
    key: AnyArray,
    *,
    head_num: Optional[int] = None,
    input_layout: str = "BNSD",
    actual_seq_qlen: Optional[Sequence[int]] = None,
    actual_seq_kvlen: Optional[Sequence[int]] = None,
) -> int:
    """The number of attention probabilities, which is that of the bits of a drop mask: B*N*Sq*Skv
    or, in TND, N times the sum of Sq_b*Skv_b. torch_npu calls it numels. Errors as in
    flash_attention."""
    if head_num is None:
        head_num = heads_of(query, input_layout)
    query_view, key_view = _arrays.view("query", query), _arrays.view("key", key)
    attributes = _calls.convert_attributes("flash_attention", {
        "head_num": head_num, "input_layout": input_layout, "actual_seq_qlen": actual_seq_qlen,
        "actual_seq_kvlen": actual_seq_kvlen})
    out_shape, statistics_shape = _output_shapes(
        query_view.shape, key_view.shape, key_view.shape, attributes["head_num"], input_layout)
    # Only shapes count, and the library wants to see those of all tensors.
    forms = {"query": (query_view.dtype, query_view.shape), "key": (query_view.dtype, key_view.shape),
             "value": (query_view.dtype, key_view.shape),
             "attention_out": (query_view.dtype, out_shape),
             "softmax_max": ("fp32", statistics_shape), "softmax_sum": ("fp32", statistics_shape)}
    arguments = _declarations.FlashAttentionArgs.begin()
    structs = _calls.fill_attributes(arguments, attributes)
    for name, (dtype, shape) in forms.items():
        structs.append(_calls.tensor_struct((dtype, shape, _arrays.dense_strides(shape))))
        setattr(arguments, name, ctypes.pointer(structs[-1]))
    number = ctypes.c_int64(0)
    check(lib.clf_flash_attention_num_elements(ctypes.byref(arguments), ctypes.byref(number)))
    return number.value


def dropout_mask(
    num_elements: int,
    drop_probability: float,
    *,
    probability_dtype: Any = "fp32",
    seed: int = 0,
    offset: int = 0,
    like: Optional[AnyArray] = None,
    out: Optional[AnyArray] = None,
    device: DeviceChoice = None,
) -> Any:
    """Dropout bits from a counter: the same on every device, and the same that flash_attention
    makes itself with generate_dropout, seed and offset.

    num_elements       how many bits, at least 0
    drop_probability   [0, 1)
    probability_dtype  "fp32", "fp16" or "bf16": how finely the probability is resolved;
                       flash_attention uses query's
    seed, offset       0 to 2^64 - 1
    like               the result is a PyTorch tensor if this is one
    out                where to write: uint8, at least ceil(num_elements / 128) * 16 bytes

    Returns uint8, [ceil(num_elements / 128) * 16]; bit e % 8 of byte e / 8 is set where element e is
    kept. Errors: InvalidArgumentError and others as in flash_attention.

    After aclnnDropoutGenMaskV2 (torch_npu._npu_dropout_gen_mask).
    """
    attributes = {"num_elements": num_elements, "drop_probability": drop_probability,
                  "probability_dtype": _arrays.dtype_name("probability_dtype", probability_dtype),
                  "seed": seed, "offset": offset}
    if out is None:
        wanted = _calls.convert_attributes("dropout_mask", {"num_elements": num_elements})
        out = _arrays.empty_like_kind(like, (max(0, -(-wanted["num_elements"] // 128) * 16),), "uint8")
    call = Call("dropout_mask", {}, {"mask": out}, attributes, lambda: out)
    return run(call, device)
