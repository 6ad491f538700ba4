"""ScaledMaskedSoftmax and its gradient; include/clformer/softmax.h is the reference."""

from __future__ import annotations

from typing import Optional

from clformer import _arrays
from clformer._calls import Call
from clformer._typing import AnyArray, Array, DeviceChoice
from clformer.plan import run


def scaled_masked_softmax(
    x: Array,
    mask: Optional[AnyArray] = None,
    *,
    scale: float = 1.0,
    fixed_triu_mask: bool = False,
    out: Optional[Array] = None,
    variant: str = "auto",
    device: DeviceChoice = None,
) -> Array:
    """softmax(scale * x) along the last axis, with masked places left out.

    x                fp32, fp16 or bf16; 1 to 8 axes; any strides
    mask             bool or uint8, nonzero = left out; each axis, matched from the last one on, is
                     x's or 1. None: nothing is masked
    scale            any sign; applied before the mask
    fixed_triu_mask  instead of `mask`, column w of row h is masked where w > h
    out              where to write; may be x itself. None: a new array
    variant          "auto", "portable", "cpu"
    device           clformer.Device, a selector, or None: the default device

    Returns an array of x's kind, shape and dtype. A row that is masked completely becomes 1/W.
    Arithmetic is fp32; one rounding at the end. Deterministic.

    Errors: InvalidArgumentError (dtype, rank, shape, overlap), MissingArgumentError,
    UnsupportedError (variant), BuildError, DeviceRuntimeError, OutOfMemoryError.

    After CANN's ScaledMaskedSoftmax (torch_npu.npu_scaled_masked_softmax).
    """
    found = _arrays.view("x", x)
    y = _arrays.empty_like_kind(x, found.shape, found.dtype) if out is None else out
    call = Call("scaled_masked_softmax", {"x": x, "mask": mask}, {"y": y},
                {"scale": scale, "fixed_triu_mask": fixed_triu_mask, "variant": variant}, lambda: y)
    return run(call, device)


def scaled_masked_softmax_grad(
    grad_output: Array,
    y: AnyArray,
    mask: Optional[AnyArray] = None,
    *,
    scale: float = 1.0,
    fixed_triu_mask: bool = False,
    out: Optional[Array] = None,
    variant: str = "auto",
    device: DeviceChoice = None,
) -> Array:
    """The gradient of scaled_masked_softmax with respect to x.

    grad_output  fp32, fp16 or bf16; gradient of the forward's result
    y            the forward's result; shape and dtype of grad_output
    mask, scale, fixed_triu_mask   the forward's
    out          where to write; may be grad_output or y. None: a new array
    variant, device   as in the forward

    Returns mask ? 0 : scale * (grad_output - sum(grad_output * y)) * y, an array of grad_output's
    kind, shape and dtype. Errors as in the forward.

    After CANN's ScaledMaskedSoftmaxGrad (aclnnScaledMaskedSoftmaxBackward).
    """
    found = _arrays.view("grad_output", grad_output)
    grad_x = _arrays.empty_like_kind(grad_output, found.shape, found.dtype) if out is None else out
    _arrays.view("y", y)
    call = Call("scaled_masked_softmax_grad", {"grad_output": grad_output, "y": y, "mask": mask},
                {"grad_x": grad_x},
                {"scale": scale, "fixed_triu_mask": fixed_triu_mask, "variant": variant},
                lambda: grad_x)
    return run(call, device)
