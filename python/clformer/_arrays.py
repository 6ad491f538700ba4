"""NumPy arrays and PyTorch CPU tensors as views of memory, without copying.

PyTorch is looked at only once the program itself has imported it.
"""

from __future__ import annotations

import sys
from typing import Any, Dict, Tuple

import numpy

from clformer import _declarations, errors

_NUMPY_NAMES = {
    "float32": "fp32",
    "float16": "fp16",
    "bfloat16": "bf16",
    "int8": "int8",
    "uint8": "uint8",
    "int32": "int32",
    "int64": "int64",
    "uint64": "uint64",
    "bool": "bool",
}
# The same by data type, filled as types are met: numpy.dtype.name is slow.
_numpy_types: Dict[numpy.dtype, str] = {}
_torch_types: Dict[Any, Tuple[str, int]] = {}
_TO_NUMPY = {name: numpy_name for numpy_name, name in _NUMPY_NAMES.items()}


class Int4:
    """A tensor of packed 4-bit integers, -8 to 7, as `clformer.ffn` takes for its weights.

    packed: int8 or uint8, contiguous in its last axis; element 2i of a row is in the lower four bits
    of byte i, element 2i + 1 in the upper four. The shape is that of `packed` with the last axis
    doubled.
    """

    def __init__(self, packed):
        self.packed = packed

    @property
    def shape(self):
        shape = tuple(self.packed.shape)
        return shape[:-1] + (2 * shape[-1],)


class View:
    """Where and how an array's elements lie. Strides count elements."""

    __slots__ = ("owner", "pointer", "dtype", "shape", "strides", "begin", "end", "shareable")

    def __init__(self, owner, pointer, dtype, shape, strides, byte_strides, itemsize):
        self.owner = owner
        self.pointer = pointer
        self.dtype = dtype
        self.shape = shape
        self.strides = strides
        begin = end = pointer
        if 0 in shape:
            itemsize = 0
        else:
            for size, stride in zip(shape, byte_strides):
                if stride < 0:
                    begin += (size - 1) * stride
                else:
                    end += (size - 1) * stride
        self.begin = begin
        self.end = end + itemsize
        # Whether the library can address every element where it is.
        self.shareable = strides is not None

    @property
    def is_empty(self):
        return 0 in self.shape


def _torch():
    return sys.modules.get("torch")


def is_tensor(array):
    torch = _torch()
    return torch is not None and isinstance(array, torch.Tensor)


def _describe(array):
    return f"{type(array).__module__}.{type(array).__qualname__}".replace("builtins.", "")


def _torch_names():
    if not _torch_types:
        torch = _torch()
        _torch_types.update({
            torch.float32: ("fp32", 4),
            torch.float16: ("fp16", 2),
            torch.bfloat16: ("bf16", 2),
            torch.int8: ("int8", 1),
            torch.uint8: ("uint8", 1),
            torch.int32: ("int32", 4),
            torch.int64: ("int64", 8),
            torch.bool: ("bool", 1),
        })
        if hasattr(torch, "uint64"):
            _torch_types[torch.uint64] = ("uint64", 8)
    return _torch_types


def _refuse_dtype(name, dtype):
    accepted = ", ".join(key for key in _declarations.DTYPES if key != "int4")
    raise errors.invalid(f"{name} has dtype {dtype}, accepted: {accepted}")


def _check_rank(name, rank):
    if rank > _declarations.MAX_RANK:
        raise errors.invalid(f"{name} has rank {rank}, accepted: 1 to {_declarations.MAX_RANK}")


def _view_tensor(name, tensor):
    torch = _torch()
    if tensor.layout != torch.strided:
        raise errors.invalid(f"{name} has layout {tensor.layout}, accepted: torch.strided")
    if tensor.device.type != "cpu":
        raise errors.invalid(f"{name} is on device {tensor.device}, accepted: cpu")
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    try:
        dtype, itemsize = _torch_names()[tensor.dtype]
    except KeyError:
        _refuse_dtype(name, tensor.dtype)
    strides = tensor.stride()
    pointer = tensor.data_ptr()
    return View(tensor, pointer, dtype, tuple(tensor.shape),
                strides if pointer % itemsize == 0 else None,
                [stride * itemsize for stride in strides], itemsize)


def _learn_numpy_type(name, dtype):
    known = _NUMPY_NAMES.get(dtype.name)
    if known is None:
        _refuse_dtype(name, dtype)
    if not dtype.isnative:
        raise errors.invalid(f"{name} has dtype {dtype.str}, accepted: the machine's byte order")
    _numpy_types[dtype] = known
    return known


def _view_numpy(name, array):
    dtype = _numpy_types.get(array.dtype) or _learn_numpy_type(name, array.dtype)
    itemsize = array.dtype.itemsize
    strides = array.strides
    pointer = array.ctypes.data
    even = pointer % itemsize == 0 and not any(stride % itemsize for stride in strides)
    return View(array, pointer, dtype, array.shape,
                tuple(stride // itemsize for stride in strides) if even else None, strides, itemsize)


def _view_int4(name, packed):
    inner = view(name, packed.packed)
    if inner.dtype not in ("int8", "uint8"):
        raise errors.invalid(f"the packed bytes of {name} have dtype {inner.dtype}, accepted: int8, uint8")
    if not inner.shape or (inner.strides[-1] != 1 and inner.shape[-1] > 1):
        raise errors.invalid(f"the packed bytes of {name} are not contiguous in their last axis")
    result = View(packed, inner.pointer, "int4", packed.shape,
                  tuple(2 * stride for stride in inner.strides[:-1]) + (1,), inner.strides, 1)
    result.begin, result.end = inner.begin, inner.end
    return result


def view(name, array):
    """The memory of an array given as argument `name`."""
    if isinstance(array, numpy.ndarray) and not isinstance(array, numpy.ma.MaskedArray):
        found = _view_numpy(name, array)
    elif is_tensor(array):
        found = _view_tensor(name, array)
    elif isinstance(array, Int4):
        found = _view_int4(name, array)
    elif array is None:
        raise errors.MissingArgumentError(f"{name} is None, an array is required", 161001,
                                          "CLF_ERR_PARAM_NULLPTR")
    else:
        raise errors.ArgumentTypeError(
            f"{name} is {_describe(array)}, accepted: numpy.ndarray, or torch.Tensor on the CPU",
            161002, "CLF_ERR_PARAM_INVALID")
    _check_rank(name, len(found.shape))
    return found


def is_writable(array):
    return not isinstance(array, numpy.ndarray) or array.flags.writeable


def empty_like_kind(model, shape, dtype):
    """An uninitialised array of the kind (NumPy or PyTorch) of `model`."""
    if is_tensor(model):
        torch = _torch()
        by_name = {name: key for key, (name, _) in _torch_names().items()}
        return torch.empty(tuple(shape), dtype=by_name[dtype], device="cpu")
    return numpy.empty(tuple(shape), numpy_dtype(dtype))


def numpy_dtype(dtype):
    if dtype == "bf16":
        try:
            import ml_dtypes
        except ImportError:
            raise errors.invalid(
                "bf16 results as NumPy arrays need the package ml_dtypes, which is not installed"
            ) from None
        return numpy.dtype(ml_dtypes.bfloat16)
    return numpy.dtype(_TO_NUMPY[dtype])


def compact(found):
    """The same elements in memory of their own, without gaps; axes of stride 0 stay repeated."""
    if isinstance(found.owner, Int4):
        packed = found.owner.packed
        copied = packed.clone(memory_format=_torch().contiguous_format) \
            if is_tensor(packed) else packed.copy("C")
        return _view_int4("a packed tensor", Int4(copied))
    steps = found.strides
    if steps is None:
        steps = (1,) * len(found.shape)
    index = tuple(slice(0, 1) if step == 0 else slice(None) for step in steps)
    if is_tensor(found.owner):
        torch = _torch()
        part = found.owner.detach()[index].clone(memory_format=torch.contiguous_format)
        return view("a copy", part.expand(found.shape))
    return view("a copy", numpy.broadcast_to(found.owner[index].copy("C"), found.shape))


def dense_strides(shape):
    """Those of elements that lie one after the other."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(1, size)
    return tuple(reversed(strides))


def integers(name, values):
    """A sequence, array or tensor of whole numbers as a tuple; None stays None."""
    if values is None:
        return None
    try:
        if hasattr(values, "tolist"):
            values = values.tolist()
        return tuple(int(value.__index__()) for value in values)
    except (TypeError, AttributeError):
        raise errors.ArgumentTypeError(
            f"{name} is {values!r}, accepted: a sequence of int", 161002, "CLF_ERR_PARAM_INVALID"
        ) from None


def dtype_name(name, dtype):
    """"fp16", numpy.float16, torch.float16: all are fp16."""
    if isinstance(dtype, str) and dtype in _declarations.DTYPES:
        return dtype
    torch = _torch()
    if torch is not None and isinstance(dtype, torch.dtype):
        if dtype in _torch_names():
            return _torch_names()[dtype][0]
        _refuse_dtype(name, dtype)
    try:
        known = numpy.dtype(dtype).name
    except TypeError:
        known = None
    if known not in _NUMPY_NAMES:
        _refuse_dtype(name, dtype)
    return _NUMPY_NAMES[known]
