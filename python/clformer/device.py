"""Devices, and the plans that are kept for them."""

from __future__ import annotations

import atexit
import collections
import ctypes
import os
import sys
import threading
from typing import Any, Dict, List, NamedTuple, Optional, Union

from clformer import _calls, _opencl, errors
from clformer._library import check, lib, text_of

DEFAULT_PLANS = 64


class CacheInfo(NamedTuple):
    """hits, misses: calls that found a plan, and that had to make one; size: plans kept now."""

    hits: int
    misses: int
    size: int
    limit: int


def _same_process(device):
    if device._process != os.getpid():
        raise errors.invalid(
            "the device was opened before this process was forked, accepted: a device opened in it")


class Device:
    """An OpenCL device. May be used by any number of threads.

    selector  "gpu", "cpu", "accelerator", "platform:device", part of a name, or None:
              $CLFORMER_DEVICE, else the best device
    memory    "auto": arrays stay where they are if the device shares the host's memory, else they
              are copied; "share", "copy": one of the two
    max_plans how many plans are kept for calls of the same shapes and attributes; 0: none

    Errors: NoDeviceError, DeviceRuntimeError, OutOfMemoryError; UnsupportedError if memory is
    "share" and the device has its own.
    """

    def __init__(self, selector: Optional[str] = None, *, memory: str = "auto",
                 max_plans: int = DEFAULT_PLANS):
        self._handle = None
        if memory not in ("auto", "share", "copy"):
            raise errors.invalid(f"memory is {memory!r}, accepted: auto, share, copy")
        if not isinstance(max_plans, int) or max_plans < 0:
            raise errors.invalid(f"max_plans is {max_plans!r}, accepted: an int of at least 0")
        self._lock = threading.Lock()
        self._queues: List[int] = []
        self._placeholders: List[int] = []
        self._placeholder_size = 0
        self._max_plans = max_plans
        self._plans: "collections.OrderedDict[Any, List[_calls.Handle]]" = collections.OrderedDict()
        self._num_plans = self._hits = self._misses = 0
        handle = ctypes.c_void_p()
        check(lib.clf_device_open(None if selector is None else os.fsencode(selector),
                                  ctypes.byref(handle)))
        self._handle = handle
        self._process = os.getpid()
        self._context = lib.clf_device_context(handle)
        self._id = lib.clf_device_id(handle)
        shares = _opencl.shares_host_memory(self._id)
        if memory == "share" and not shares:
            raise errors.UnsupportedError(
                "memory is 'share', but the device has memory of its own; accepted: auto, copy",
                200001, "CLF_ERR_UNSUPPORTED")
        self._shares = shares and memory != "copy"

    # ---- What it is ------------------------------------------------------------------------------

    @staticmethod
    def list() -> List[Dict[str, Any]]:
        """All OpenCL devices of this machine: index, type, name, platform, vendor, driver, version."""
        return text_of(lib.clf_device_list)

    def describe(self) -> Dict[str, Any]:
        """Capabilities, and which kernel variants run on the device and why not the others."""
        return text_of(lib.clf_device_describe, self._alive())

    @property
    def name(self) -> str:
        return self.describe()["name"]

    @property
    def shares_memory(self) -> bool:
        """Whether kernels work on arrays where they are in the host's memory."""
        return self._shares

    def __repr__(self):
        if self._handle is None:
            return "<clformer.Device, closed>"
        facts = self.describe()
        return f"<clformer.Device {facts['index']} {facts['name']!r}>"

    def _alive(self):
        if self._handle is None:
            raise errors.invalid("the device was closed, accepted: an open one")
        _same_process(self)
        return self._handle

    # ---- Its end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the device and the plans kept for it. No other thread may be using it."""
        handle = self._handle
        if handle is None or self._process != os.getpid():
            return
        self.clear_plans()
        self._handle = None
        for queue in self._queues:
            _opencl.release_queue(queue)
        self._queues = []
        for buffer in self._placeholders:
            _opencl.release_buffer(buffer)
        self._placeholders = []
        lib.clf_device_destroy(handle)

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None) is not None and not sys.is_finalizing():
            self.close()

    # ---- Plans that are kept ---------------------------------------------------------------------

    def plan_cache(self) -> CacheInfo:
        with self._lock:
            return CacheInfo(self._hits, self._misses, self._num_plans, self._max_plans)

    def clear_plans(self) -> None:
        """Drops the plans that no call is using."""
        with self._lock:
            plans, self._plans = self._plans, collections.OrderedDict()
            self._num_plans = 0
        for handles in plans.values():
            for handle in handles:
                handle.destroy()

    def _take_plan(self, key):
        with self._lock:
            handles = self._plans.get(key)
            if not handles:
                self._misses += 1
                return None
            self._hits += 1
            self._num_plans -= 1
            handle = handles.pop()
            if not handles:
                del self._plans[key]
            return handle

    def _keep_plan(self, key, handle):
        dropped = []
        with self._lock:
            if self._max_plans > 0:
                self._plans.setdefault(key, []).append(handle)
                self._plans.move_to_end(key)
                self._num_plans += 1
            else:
                dropped.append(handle)
            while self._num_plans > self._max_plans:
                oldest = next(iter(self._plans))
                dropped.append(self._plans[oldest].pop(0))
                self._num_plans -= 1
                if not self._plans[oldest]:
                    del self._plans[oldest]
        for old in dropped:
            old.destroy()

    # ---- Running ---------------------------------------------------------------------------------

    def _take_queue(self):
        with self._lock:
            if self._queues:
                return self._queues.pop()
        return _opencl.create_queue(self._context, self._id)

    def _keep_queue(self, queue):
        with self._lock:
            self._queues.append(queue)

    def _placeholder_of(self, size):
        """A buffer of at least this size that plans hold between calls. Nothing touches its
        memory, so that a driver that allocates at the first use never allocates it. Smaller ones
        stay, because another thread may be about to bind them."""
        with self._lock:
            if self._placeholder_size < size:
                for wanted in (max(1 << 20, 2 * self._placeholder_size, size), size):
                    try:
                        buffer = _opencl.create_buffer(self._context, _opencl.MEM_READ_WRITE, wanted)
                        break
                    except errors.Error:
                        if wanted == size:
                            raise
                self._placeholders.append(buffer)
                self._placeholder_size = wanted
            return self._placeholders[-1]

    def _operands(self, call):
        operands = _calls.operands_of(call, self._shares)
        if self._shares:
            _calls.separate_misplaced(operands)
        return operands

    def _launch(self, handle, operands):
        """Runs a plan on these operands and waits. Afterwards the plan holds none of their memory."""
        queue = self._take_queue()
        operands = handle.used(operands)
        places = _calls.Places(self._context, queue, self._shares, operands)
        try:
            try:
                places.make(self._placeholder_of)
                handle.bind(operands)
                handle.enqueue(queue)
                places.fetch()
            finally:
                _opencl.finish(queue)
                bound = [operand for operand in operands if operand.buffer is not None]
                handle.let_go(bound, self._placeholder_of(places.largest))
        finally:
            places.release()
            self._keep_queue(queue)

    def _run(self, call) -> None:
        """Runs a prepared call with a plan that is kept for the next of its kind."""
        device = self._alive()
        operands = self._operands(call)
        key = (call.name, tuple((operand.field, operand.form) for operand in operands),
               tuple(call.attributes.items()))
        handle = self._take_plan(key) if call.is_repeatable else None
        if handle is None:
            handle = _calls.Handle(device, call, operands)
        # A plan that failed is not kept: what it holds is not known.
        self._launch(handle, operands)
        if call.is_repeatable:
            self._keep_plan(key, handle)
        else:
            handle.destroy()


_opened: Dict[Optional[str], Device] = {}
_opened_lock = threading.Lock()


def get_device(device: Union[Device, str, None] = None) -> Device:
    """A Device as it is; a selector or None (the default device): opened once per process."""
    if isinstance(device, Device):
        return device
    if device is not None and not isinstance(device, str):
        raise errors.ArgumentTypeError(f"device is {device!r}, accepted: clformer.Device, str, None",
                                       161002, "CLF_ERR_PARAM_INVALID")
    with _opened_lock:
        found = _opened.get(device)
        if found is None or found._handle is None or found._process != os.getpid():
            found = _opened[device] = Device(device)
        return found


@atexit.register
def _close_all():
    """While the interpreter is still whole."""
    with _opened_lock:
        for device in _opened.values():
            device.close()
        _opened.clear()
