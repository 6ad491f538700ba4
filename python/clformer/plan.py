"""Running operators, once or as a plan that is kept by the program."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict

from clformer import _calls, errors
from clformer.device import Device, get_device


class _Capture(threading.local):
    wanted = False


_capture = _Capture()


class _Captured:
    def __init__(self, call, device):
        self.call = call
        self.device = device


def run(call: _calls.Call, device) -> Any:
    """Every public operator ends here."""
    if _capture.wanted:
        return _Captured(call, device)
    get_device(device)._run(call)
    return call.results()


class Plan:
    """One operator for arrays of fixed shapes, strides and data types, ready to run again and again.

        plan = clformer.Plan(clformer.scaled_masked_softmax, x, mask, scale=0.125)
        y = plan.run()          # works on x and mask, and always writes the same y
        y = plan.run(x=other)   # replaces x, for this and later runs

    Takes a function of this package and its arguments, `device` among them. Arrays are named as in
    the C arguments (the plan's `arguments`); a new one must have the shape, strides and data type of
    the one it replaces. May be used by several threads, one after the other.

    The functions themselves keep plans, too (Device.plan_cache). A Plan spares the look-up, keeps
    its place, and can be described.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any, **keywords: Any):
        _capture.wanted = True
        try:
            captured = function(*arguments, **keywords)
        finally:
            _capture.wanted = False
        if not isinstance(captured, _Captured):
            raise errors.ArgumentTypeError(
                f"function is {function!r}, accepted: an operator of this package", 161002,
                "CLF_ERR_PARAM_INVALID")
        self._call = captured.call
        self._device = get_device(captured.device)
        self._lock = threading.Lock()
        self._forms = {operand.field: operand.form
                       for operand in self._device._operands(self._call)}
        self._handle = _calls.Handle(self._device._alive(), self._call,
                                     self._device._operands(self._call))

    @property
    def device(self) -> Device:
        return self._device

    @property
    def arguments(self) -> Dict[str, Any]:
        """The arrays that the next run works on."""
        return {**self._call.inputs, **self._call.outputs}

    @property
    def workspace_size(self) -> int:
        """Bytes of device memory that a run needs besides the arrays; the plan keeps them."""
        return self._handle.workspace_size

    def describe(self) -> Dict[str, Any]:
        """Variant and why not the others, tensors, tile sizes, kernel launches, flops, bytes."""
        return self._handle.description

    def bind(self, **arrays: Any) -> None:
        """Replaces arrays for the runs to come. Errors: InvalidArgumentError if there is no such
        array or if it is of another form."""
        with self._lock:
            self._bind(arrays)

    def _bind(self, arrays):
        replaced = (dict(self._call.inputs), dict(self._call.outputs))
        for name, array in arrays.items():
            part = replaced[0] if name in replaced[0] else replaced[1]
            if name not in part:
                raise errors.invalid(
                    f"{name} is no array of this plan, accepted: {', '.join(self._forms)}")
            operand = _calls.Operand(name, array, part is replaced[1], self._device._shares)
            if operand.form != self._forms[name]:
                raise errors.invalid(f"{name} is {_form_text(operand.form)}, accepted: "
                                     f"{_form_text(self._forms[name])}, for which the plan was made")
            part[name] = array
        self._call.inputs, self._call.outputs = replaced

    def run(self, **arrays: Any) -> Any:
        """Replaces the arrays named, runs, waits, and returns what the function returns."""
        with self._lock:
            self._bind(arrays)
            self._device._alive()
            self._device._launch(self._handle, self._device._operands(self._call))
            return self._call.results()


def _form_text(form):
    dtype, shape, strides = form
    return f"{dtype} of shape {list(shape)} and strides {list(strides)}"
