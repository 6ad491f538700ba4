"""The few OpenCL calls that moving arrays and waiting needs, through the system's OpenCL loader."""

import ctypes
import ctypes.util
import sys

from clformer import errors

MEM_READ_WRITE = 1 << 0
MEM_READ_ONLY = 1 << 2
MEM_USE_HOST_PTR = 1 << 3
MAP_READ = 1 << 0
DEVICE_HOST_UNIFIED_MEMORY = 0x1035

_OUT_OF_MEMORY = {-4: "CL_MEM_OBJECT_ALLOCATION_FAILURE", -6: "CL_OUT_OF_HOST_MEMORY"}
_NAMES = {
    -1: "CL_DEVICE_NOT_FOUND",
    -2: "CL_DEVICE_NOT_AVAILABLE",
    -5: "CL_OUT_OF_RESOURCES",
    -12: "CL_MAP_FAILURE",
    -14: "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST",
    -30: "CL_INVALID_VALUE",
    -34: "CL_INVALID_CONTEXT",
    -36: "CL_INVALID_COMMAND_QUEUE",
    -37: "CL_INVALID_HOST_PTR",
    -38: "CL_INVALID_MEM_OBJECT",
    -61: "CL_INVALID_BUFFER_SIZE",
    **_OUT_OF_MEMORY,
}

_handle = ctypes.c_void_p
_int = ctypes.c_int32
_uint = ctypes.c_uint32
_flags = ctypes.c_uint64
_size = ctypes.c_size_t
_code_out = ctypes.POINTER(_int)

_FUNCTIONS = {
    "clGetDeviceInfo": (_int, [_handle, _uint, _size, _handle, _handle]),
    "clCreateCommandQueue": (_handle, [_handle, _handle, _flags, _code_out]),
    "clReleaseCommandQueue": (_int, [_handle]),
    "clCreateBuffer": (_handle, [_handle, _flags, _size, _handle, _code_out]),
    "clReleaseMemObject": (_int, [_handle]),
    "clEnqueueWriteBuffer": (
        _int, [_handle, _handle, _uint, _size, _size, _handle, _uint, _handle, _handle]),
    "clEnqueueReadBuffer": (
        _int, [_handle, _handle, _uint, _size, _size, _handle, _uint, _handle, _handle]),
    "clEnqueueMapBuffer": (
        _handle,
        [_handle, _handle, _uint, _flags, _size, _size, _uint, _handle, _handle, _code_out]),
    "clEnqueueUnmapMemObject": (_int, [_handle, _handle, _handle, _uint, _handle, _handle]),
    "clFinish": (_int, [_handle]),
}


def _load():
    if sys.platform == "darwin":
        names = ["/System/Library/Frameworks/OpenCL.framework/OpenCL"]
    elif sys.platform == "win32":
        names = ["OpenCL.dll"]
    else:
        names = ["libOpenCL.so.1", ctypes.util.find_library("OpenCL")]
    problems = []
    for name in names:
        if name:
            try:
                return ctypes.CDLL(name)
            except OSError as problem:
                problems.append(str(problem))
    raise ImportError("the OpenCL loader could not be loaded; tried " + "; ".join(problems))


_lib = _load()
for _name, (_result, _arguments) in _FUNCTIONS.items():
    _entry = getattr(_lib, _name)
    _entry.restype = _result
    _entry.argtypes = _arguments


def _check(call, code):
    if code != 0:
        sentence = f"{call} failed with {_NAMES.get(code, 'an OpenCL error')} ({code})"
        if code in _OUT_OF_MEMORY:
            raise errors.OutOfMemoryError(sentence, 200000, "CLF_ERR_OUT_OF_MEMORY")
        raise errors.DeviceRuntimeError(sentence, 361001, "CLF_ERR_RUNTIME")


def shares_host_memory(device):
    """Whether kernels of this cl_device_id work on the host's own memory."""
    value = _uint(0)
    _check("clGetDeviceInfo",
           _lib.clGetDeviceInfo(device, DEVICE_HOST_UNIFIED_MEMORY, 4, ctypes.byref(value), None))
    return bool(value.value)


def create_queue(context, device):
    code = _int(0)
    queue = _lib.clCreateCommandQueue(context, device, 0, ctypes.byref(code))
    _check("clCreateCommandQueue", code.value)
    return queue


def release_queue(queue):
    _lib.clReleaseCommandQueue(queue)


def create_buffer(context, flags, size, host_pointer=None):
    code = _int(0)
    buffer = _lib.clCreateBuffer(context, flags, size, host_pointer, ctypes.byref(code))
    _check("clCreateBuffer", code.value)
    return buffer


def release_buffer(buffer):
    _lib.clReleaseMemObject(buffer)


def write(queue, buffer, pointer, size):
    """Does not wait: the memory must stay as it is until the queue is finished."""
    _check("clEnqueueWriteBuffer",
           _lib.clEnqueueWriteBuffer(queue, buffer, 0, 0, size, pointer, 0, None, None))


def read(queue, buffer, pointer, size):
    """Waits."""
    _check("clEnqueueReadBuffer",
           _lib.clEnqueueReadBuffer(queue, buffer, 1, 0, size, pointer, 0, None, None))


def make_visible(queue, buffer, size):
    """Waits, then the host sees what kernels wrote into a buffer that uses its memory."""
    code = _int(0)
    mapped = _lib.clEnqueueMapBuffer(queue, buffer, 1, MAP_READ, 0, size, 0, None, None,
                                     ctypes.byref(code))
    _check("clEnqueueMapBuffer", code.value)
    _check("clEnqueueUnmapMemObject",
           _lib.clEnqueueUnmapMemObject(queue, buffer, mapped, 0, None, None))


def finish(queue):
    _check("clFinish", _lib.clFinish(queue))
