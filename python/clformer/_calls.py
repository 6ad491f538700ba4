"""One call of an operator: its arrays and attributes, their places on the device, the launch."""

from __future__ import annotations

import ctypes
import math
import operator
import os
import sys

from clformer import _arrays, _declarations, _opencl, errors
from clformer._library import check, lib, text_of


class Call:
    """An operator with arrays and attributes.

    inputs, outputs  field of the C arguments: array, or None for one that is left out
    attributes       field: value as Python has it
    results          gives the public function's result once the operator has run
    """

    def __init__(self, name, inputs, outputs, attributes, results):
        self.name = name
        self.inputs = {field: array for field, array in inputs.items() if array is not None}
        self.outputs = {field: array for field, array in outputs.items() if array is not None}
        self.attributes = convert_attributes(name, attributes)
        self.results = results

    @property
    def is_repeatable(self):
        """Whether another call of this kind is to be expected. A seed is part of a plan, and the
        next call has another: plans of such calls would only drive out others."""
        return self.name != "dropout_mask" and not self.attributes.get("generate_dropout")


def _choice(name, value, numbers):
    try:
        return numbers[value]
    except (KeyError, TypeError):
        raise errors.invalid(f"{name} is {value!r}, accepted: {', '.join(numbers)}") from None


def _convert(name, kind, value):
    if kind == "enum":
        tables = {"variant": _declarations.VARIANTS, "method": _declarations.FLOYD_METHODS}
        numbers = tables.get(name)
        if numbers is None:
            numbers = {key: number for key, (number, _) in _declarations.DTYPES.items()}
        return _choice(name, value, numbers)
    if kind == "double":
        return float(value)
    if kind == "bool":
        return bool(value)
    if kind in ("int", "size", "uint"):
        number = operator.index(value)
        lowest, bits = (-(1 << 63), 63) if kind == "int" else (0, 64)
        if not lowest <= number < 1 << bits:
            raise errors.invalid(f"{name} is {number}, accepted: {lowest} to {(1 << bits) - 1}")
        return number
    if kind == "text":
        if value is None or isinstance(value, str):
            return value
        raise TypeError
    return _arrays.integers(name, value)


_WANTED = {"double": "a number", "int": "an int", "uint": "an int", "size": "an int", "text": "a str"}


def convert_attributes(operator_name, attributes):
    kinds = _declarations.OPERATORS[operator_name].KIND
    converted = {}
    for name, value in attributes.items():
        kind = kinds[name]
        try:
            converted[name] = _convert(name, kind, value)
        except errors.Error:
            raise
        except (TypeError, ValueError, RuntimeError):
            raise errors.ArgumentTypeError(f"{name} is {value!r}, accepted: {_WANTED[kind]}", 161002,
                                           "CLF_ERR_PARAM_INVALID") from None
    return converted


def fill_attributes(arguments, attributes):
    """Sets the converted attributes; the values that must outlive the call are returned."""
    alive = []
    for name, value in attributes.items():
        kind = arguments.KIND[name]
        if kind == "text":
            value = None if value is None else value.encode()
        elif kind == "numbers":
            if value is None:
                continue
            setattr(arguments, f"num_{name}", len(value))
            value = (ctypes.c_int64 * max(1, len(value)))(*value)
            alive.append(value)
        setattr(arguments, name, value)
    return alive


def tensor_struct(form):
    """The clf_tensor, without a buffer, of a form: (dtype, shape, strides)."""
    dtype, shape, strides = form
    struct = _declarations.Tensor(dtype=_declarations.DTYPES[dtype][0], rank=len(shape))
    # The least offset at which no element lies before the buffer's start.
    struct.offset = sum((1 - size) * stride for size, stride in zip(shape, strides)
                        if size > 0 and stride < 0)
    struct.shape[:len(shape)] = shape
    struct.strides[:len(strides)] = strides
    return struct


class Operand:
    """An array of a call, as the device gets it."""

    __slots__ = ("field", "given", "used", "is_output", "buffer", "offset", "region")

    def __init__(self, field, array, is_output, shares):
        self.field = field
        self.is_output = is_output
        self.given = _arrays.view(field, array)
        if is_output and not _arrays.is_writable(array):
            raise errors.invalid(f"{field} is read-only, accepted: an array that can be written")
        self.used = self.given
        if not self._can_stay(shares):
            self.use_copy()
        self.buffer = None
        self.offset = 0
        self.region = None

    def _can_stay(self, shares):
        """Whether the library can work on this view, and, where it is copied to a device, no gaps
        would be copied with it."""
        found = self.given
        if not found.shareable or shares or found.is_empty:
            return found.shareable
        sizes = [size for size, stride in zip(found.shape, found.strides) if stride != 0]
        bits = 4 if found.dtype == "int4" else 8 * _declarations.DTYPES[found.dtype][1]
        if self.is_output and len(sizes) < len(found.shape):
            return True  # several elements in one place: the library refuses it
        return 8 * (found.end - found.begin) <= bits * math.prod(sizes)

    def use_copy(self):
        self.used = _arrays.compact(self.given)

    @property
    def is_copy(self):
        return self.used is not self.given

    @property
    def form(self):
        return self.used.dtype, self.used.shape, tuple(self.used.strides)

    def bytes_to_elements(self, distance):
        if self.used.dtype == "int4":
            return 2 * distance
        return distance // _declarations.DTYPES[self.used.dtype][1]

    def place(self, buffer, base):
        self.buffer = buffer
        self.offset = self.bytes_to_elements(self.used.pointer - base)

    def copy_back(self):
        """Moves a result that the library could not write in place to where it is wanted."""
        target, source = self.given.owner, self.used.owner
        if _arrays.is_tensor(target):
            target.detach().copy_(source)
        else:
            target[...] = source


def operands_of(call, shares):
    operands = [Operand(field, array, False, shares) for field, array in call.inputs.items()]
    operands += [Operand(field, array, True, shares) for field, array in call.outputs.items()]
    return operands


def merge_regions(operands):
    """Lists of operands that share memory: one buffer will serve each list, because buffers that
    overlap are not defined in OpenCL, and because the library finds overlaps within a buffer."""
    regions = []
    end = 0
    for operand in sorted(operands, key=lambda operand: operand.used.begin):
        if regions and operand.used.begin < end:
            regions[-1].append(operand)
            end = max(end, operand.used.end)
        else:
            regions.append([operand])
            end = operand.used.end
    return regions


def separate_misplaced(operands):
    """Copies inputs that lie in another array's memory at no whole number of their elements."""
    for region in merge_regions([operand for operand in operands if not operand.used.is_empty]):
        base = region[0].used.begin
        for operand in region:
            size = max(1, _declarations.DTYPES[operand.used.dtype][1])
            if (operand.used.pointer - base) % size:
                operand.use_copy()


class Places:
    """The buffers of one call, for as long as it runs."""

    def __init__(self, context, queue, shares, operands):
        self.context = context
        self.queue = queue
        self.shares = shares
        self.buffers = []
        self.outputs = []
        self.largest = 1
        self.operands = operands

    def make(self, placeholder):
        """Buffers for all operands. placeholder: a function from a size to a buffer, for those
        without elements."""
        filled = []
        for operand in self.operands:
            if operand.used.is_empty:
                operand.buffer, operand.offset = placeholder(1), 0
            else:
                filled.append(operand)
        for region in merge_regions(filled) if self.shares else [[one] for one in filled]:
            self._make_region(region)

    def _make_region(self, region):
        begin = region[0].used.begin
        end = max(operand.used.end for operand in region)
        is_output = any(operand.is_output for operand in region)
        size = end - begin
        flags = _opencl.MEM_READ_WRITE if is_output else _opencl.MEM_READ_ONLY
        if self.shares:
            buffer = _opencl.create_buffer(self.context, flags | _opencl.MEM_USE_HOST_PTR, size, begin)
        else:
            buffer = _opencl.create_buffer(self.context, flags, size)
        self.buffers.append(buffer)
        self.largest = max(self.largest, size)
        if not self.shares and not is_output:
            _opencl.write(self.queue, buffer, begin, size)
        if is_output:
            self.outputs.append((buffer, begin, size))
        for operand in region:
            operand.place(buffer, begin)

    def fetch(self):
        """Waits for the results and brings them into the host's memory."""
        for buffer, pointer, size in self.outputs:
            if self.shares:
                _opencl.make_visible(self.queue, buffer, size)
            else:
                _opencl.read(self.queue, buffer, pointer, size)
        for operand in self.operands:
            if operand.is_output and operand.is_copy:
                operand.copy_back()

    def release(self):
        for buffer in self.buffers:
            _opencl.release_buffer(buffer)
        self.buffers = []


class Handle:
    """A clf_plan for arrays of these forms; used by one thread at a time."""

    def __init__(self, device_handle, call, operands):
        self._process = os.getpid()
        self._plan = ctypes.c_void_p()
        cls = _declarations.OPERATORS[call.name]
        arguments = cls.begin()
        alive = fill_attributes(arguments, call.attributes)
        for operand in operands:
            struct = tensor_struct(operand.form)
            alive.append(struct)
            setattr(arguments, operand.field, ctypes.pointer(struct))
        check(getattr(lib, f"clf_{call.name}_plan")(
            device_handle, ctypes.byref(arguments), ctypes.byref(self._plan)))
        self.description = text_of(lib.clf_plan_describe, self._plan)
        # Tensors that the operator does not read have no slot.
        self._slots = {tensor["argument"]: self._slot(call.name, tensor["argument"])
                       for tensor in self.description["tensors"]}

    @staticmethod
    def _slot(name, argument):
        if name == "dropout_mask":
            return _declarations.SLOTS["drop_mask"]
        return _declarations.SLOTS[_declarations.SLOT_OF_FIELD.get(argument, argument)]

    @property
    def workspace_size(self):
        return lib.clf_plan_workspace_size(self._plan)

    def used(self, operands):
        return [operand for operand in operands if operand.field in self._slots]

    def bind(self, operands):
        for operand in operands:
            check(lib.clf_plan_bind(self._plan, self._slots[operand.field], operand.buffer,
                                    operand.offset))

    def let_go(self, operands, buffer):
        """Binds all tensors to another buffer, so that those of a call can be released."""
        for operand in operands:
            check(lib.clf_plan_bind(self._plan, self._slots[operand.field], buffer, operand.offset))

    def enqueue(self, queue):
        check(lib.clf_plan_enqueue(self._plan, queue, None, 0, None, None))

    def destroy(self):
        plan, self._plan = self._plan, None
        if plan:
            lib.clf_plan_destroy(plan)

    def __del__(self):
        if getattr(self, "_plan", None) and self._process == os.getpid() and not sys.is_finalizing():
            self.destroy()
