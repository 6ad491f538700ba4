"""FusedFloydAttention and its gradients; include/clformer/floyd.h is the reference."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional

from clformer import _arrays
from clformer._calls import Call
from clformer._typing import AnyArray, DeviceChoice
from clformer.plan import run


class FloydAttention(NamedTuple):
    """attention_out [B,H,N,M,D]; softmax_max and softmax_sum, fp32, [B,H,N,M,8], 8 equal copies."""

    attention_out: Any
    softmax_max: Any
    softmax_sum: Any


class FloydGradients(NamedTuple):
    """Each has the shape and dtype of what it is the gradient of."""

    grad_query: Any
    grad_key1: Any
    grad_value1: Any
    grad_key2: Any
    grad_value2: Any


def floyd_attention(
    query: AnyArray,
    key1: AnyArray,
    value1: AnyArray,
    key2: AnyArray,
    value2: AnyArray,
    *,
    atten_mask: Optional[AnyArray] = None,
    scale_value: float = 1.0,
    attention_out: Optional[AnyArray] = None,
    softmax_max: Optional[AnyArray] = None,
    softmax_sum: Optional[AnyArray] = None,
    workspace_limit: int = 0,
    method: str = "auto",
    variant: str = "auto",
    device: DeviceChoice = None,
) -> FloydAttention:
    """Attention of the edges (n, m) of a graph over pivots k, through the edges (n, k) and (k, m).

    query           [B,H,N,M,D]; fp32, fp16 or bf16, all five alike; any strides; D 1..256
    key1, value1    [B,H,N,K,D]
    key2, value2    [B,H,K,M,D]
    atten_mask      bool or uint8, nonzero = left out; [B,H,N,M,K] with any of the axes 1
    scale_value     default 1; often 1 / sqrt(D)
    attention_out, softmax_max, softmax_sum   where to write; None: new arrays
    workspace_limit bytes of device memory besides the arrays at most; 0: the library's own limit
    method          "auto", "fused", "slab"
    variant, device as in scaled_masked_softmax

    Returns FloydAttention(attention_out, softmax_max, softmax_sum), arrays of query's kind.
    Errors: ConstraintError (ranks, shapes), InvalidArgumentError (dtypes, overlaps) and others as in
    scaled_masked_softmax.

    After CANN's FusedFloydAttention (torch_npu.npu_fused_floyd_attention).
    """
    found = _arrays.view("query", query)
    statistics = found.shape[:-1] + (8,)
    if attention_out is None:
        attention_out = _arrays.empty_like_kind(query, found.shape, found.dtype)
    if softmax_max is None:
        softmax_max = _arrays.empty_like_kind(query, statistics, "fp32")
    if softmax_sum is None:
        softmax_sum = _arrays.empty_like_kind(query, statistics, "fp32")
    results = FloydAttention(attention_out, softmax_max, softmax_sum)
    inputs = {"query": query, "key1": key1, "value1": value1, "key2": key2, "value2": value2,
              "atten_mask": atten_mask}
    attributes = {"scale_value": scale_value, "workspace_limit": workspace_limit, "method": method,
                  "variant": variant}
    call = Call("floyd_attention", inputs, results._asdict(), attributes, lambda: results)
    return run(call, device)


def floyd_attention_grad(
    query: AnyArray,
    key1: AnyArray,
    value1: AnyArray,
    key2: AnyArray,
    value2: AnyArray,
    grad_output: AnyArray,
    attention_in: AnyArray,
    softmax_max: AnyArray,
    softmax_sum: AnyArray,
    *,
    atten_mask: Optional[AnyArray] = None,
    scale_value: float = 1.0,
    grad_query: Optional[AnyArray] = None,
    grad_key1: Optional[AnyArray] = None,
    grad_value1: Optional[AnyArray] = None,
    grad_key2: Optional[AnyArray] = None,
    grad_value2: Optional[AnyArray] = None,
    workspace_limit: int = 0,
    method: str = "auto",
    variant: str = "auto",
    device: DeviceChoice = None,
) -> FloydGradients:
    """The five gradients of floyd_attention, from its saved results.

    grad_output    [B,H,N,M,D], query's dtype
    attention_in, softmax_max, softmax_sum   what the forward returned
    grad_...       where to write; None: new arrays
    the rest       as the forward had it

    Returns FloydGradients(grad_query, grad_key1, grad_value1, grad_key2, grad_value2), arrays of
    query's kind. Deterministic. Errors as in the forward.

    After CANN's FusedFloydAttentionGrad (aclnnFusedFloydAttentionGrad).
    """
    inputs: Dict[str, Any] = {
        "query": query, "key1": key1, "value1": value1, "key2": key2, "value2": value2,
        "grad_output": grad_output, "softmax_max": softmax_max, "softmax_sum": softmax_sum,
        "attention_in": attention_in}
    views = {name: _arrays.view(name, array) for name, array in inputs.items()}
    outputs: Dict[str, Any] = {
        "grad_query": grad_query, "grad_key1": grad_key1, "grad_value1": grad_value1,
        "grad_key2": grad_key2, "grad_value2": grad_value2}
    for name, array in outputs.items():
        model = views[name[len("grad_"):]]
        if array is None:
            outputs[name] = _arrays.empty_like_kind(query, model.shape, model.dtype)
    results = FloydGradients(**outputs)
    inputs["atten_mask"] = atten_mask
    attributes = {"scale_value": scale_value, "workspace_limit": workspace_limit, "method": method,
                  "variant": variant}
    call = Call("floyd_attention_grad", inputs, outputs, attributes, lambda: results)
    return run(call, device)
