"""Running scripts that were written for an NPU as they are: `import torch_npu`, `.npu()`, "npu".

Tensors stay PyTorch CPU tensors. Nothing of this is active before install().
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
import types
from typing import Any, Dict

import torch
from torch.overrides import TorchFunctionMode

import clformer
from clformer import errors

_NPU = re.compile(r"npu(:\d+)?")


def _is_npu(value):
    if isinstance(value, str):
        return _NPU.fullmatch(value) is not None
    return isinstance(value, torch.device) and value.type == "npu"


class _NpuDeviceMode(TorchFunctionMode):
    """Takes "npu" for the CPU wherever a PyTorch function gets it as a device."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        names_npu = any(map(_is_npu, args)) or any(map(_is_npu, kwargs.values()))
        if names_npu:
            args = tuple("cpu" if _is_npu(value) else value for value in args)
            kwargs = {name: "cpu" if _is_npu(value) else value for name, value in kwargs.items()}
            if func is torch.Tensor.to:
                kwargs["copy"] = True  # as from the host to an NPU
        return func(*args, **kwargs)


class Event:
    """torch.npu.Event: the host's clock, because operators here end before their call returns."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False):
        self._time = None

    def record(self, stream=None):
        self._time = time.perf_counter()

    def wait(self, stream=None):
        pass

    def query(self):
        return True

    def synchronize(self):
        pass

    def elapsed_time(self, end_event):
        """Milliseconds."""
        if self._time is None or end_event._time is None:
            raise RuntimeError("both events must have been recorded")
        return 1e3 * (end_event._time - self._time)


class Stream:
    """torch.npu.Stream: there is one, and it is always finished."""

    def __init__(self, device=None, priority=0):
        pass

    def synchronize(self):
        pass

    def query(self):
        return True

    def wait_stream(self, stream):
        pass

    def wait_event(self, event):
        pass

    def record_event(self, event=None):
        event = Event() if event is None else event
        event.record()
        return event


def _nothing(*_, **__):
    return None


def _make_module():
    """torch.npu: as much of it as means something where there is one device and no queue."""
    module = types.ModuleType("torch.npu", "torch.npu for clformer.torch_npu: the CPU.")

    def set_device(device):
        if device not in (0, "npu", "npu:0") and not (_is_npu(device) and not device.index):
            raise errors.invalid(f"device is {device!r}, accepted: 0, 'npu', 'npu:0'")

    module.is_available = lambda: True
    module.is_initialized = lambda: True
    module.init = _nothing
    module.device_count = lambda: 1
    module.current_device = lambda: 0
    module.set_device = set_device
    module.get_device_name = lambda device=None: clformer.get_device().name
    module.synchronize = _nothing
    module.empty_cache = _nothing
    module.set_compile_mode = _nothing
    module.manual_seed = lambda seed: torch.manual_seed(seed) and None
    module.manual_seed_all = module.manual_seed
    module.get_rng_state = lambda device="npu": torch.get_rng_state()
    module.set_rng_state = lambda new_state, device="npu": torch.set_rng_state(new_state)
    module.is_bf16_supported = lambda: True
    module.Event = Event
    module.Stream = Stream
    module.current_stream = lambda device=None: Stream()
    module.default_stream = lambda device=None: Stream()
    module.stream = lambda stream: contextlib.nullcontext(stream)
    module.device = lambda device: contextlib.nullcontext(device)
    return module


def _tensor_npu(self, device=None, non_blocking=False):
    """A copy, as from the host to an NPU: what is done to it is not seen in this tensor."""
    return self.clone()


def _module_npu(self, device=None):
    return self


def _members(module):
    """What gets an attribute named npu, and which."""
    places: Dict[Any, Any] = {torch: module, torch.Tensor: _tensor_npu, torch.nn.Module: _module_npu}
    return places.items()


_installed: Dict[str, TorchFunctionMode] = {}


def install() -> None:
    """Makes scripts for an NPU run as they are, in this process and thread:

    * `import torch_npu` gives clformer.torch_npu;
    * Tensor.npu() gives a copy, Module.npu() the module itself, both on the CPU;
    * "npu" and "npu:0" are accepted as devices by PyTorch's functions and mean the CPU, so that
      `tensor.device` then says cpu;
    * torch.npu has is_available, device_count, synchronize, manual_seed, Event, Stream and the like.

    Calls to PyTorch become a few microseconds slower, because each is looked at. A second call does
    nothing. Errors: UnsupportedError where the real torch_npu is loaded.
    """
    if _installed:
        return
    if "torch_npu" in sys.modules or hasattr(torch, "npu"):
        raise errors.UnsupportedError(
            "torch_npu is loaded already, accepted: a process without it", 200001,
            "CLF_ERR_UNSUPPORTED")
    module = _make_module()
    mode = _NpuDeviceMode()
    mode.__enter__()
    _installed["mode"] = mode
    sys.modules["torch_npu"] = sys.modules["clformer.torch_npu"]
    sys.modules["torch.npu"] = module
    for owner, member in _members(module):
        owner.npu = member


def uninstall() -> None:
    """Takes back what install() did; to be called in the same thread."""
    if not _installed:
        return
    _installed.pop("mode").__exit__(None, None, None)
    del sys.modules["torch_npu"], sys.modules["torch.npu"]
    for owner, _ in _members(None):
        del owner.npu
