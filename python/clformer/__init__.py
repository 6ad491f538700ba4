"""Fused transformer operators for OpenCL devices: clformer for NumPy arrays and PyTorch tensors.

    import numpy, clformer
    y = clformer.scaled_masked_softmax(numpy.ones((2, 4), numpy.float32), scale=0.5)

Arrays go in and come out: NumPy arrays, or PyTorch tensors on the CPU, without a copy where the
device shares the host's memory. clformer.torch_npu has the functions under torch_npu's names.
"""

from clformer._arrays import Int4
from clformer._library import lib as _lib, path as library_path
from clformer._version import __version__
from clformer.attention import (
    ALL_TOKENS,
    Attention,
    AttentionGradients,
    compressed_mask,
    dropout_mask,
    flash_attention,
    flash_attention_grad,
    num_probabilities,
)
from clformer.device import CacheInfo, Device, get_device
from clformer.errors import (
    ArgumentTypeError,
    BuildError,
    ConstraintError,
    DeviceRuntimeError,
    Error,
    InternalError,
    InvalidArgumentError,
    MissingArgumentError,
    NoDeviceError,
    OutOfMemoryError,
    UnsupportedError,
)
from clformer.feed_forward import ffn
from clformer.floyd import FloydAttention, FloydGradients, floyd_attention, floyd_attention_grad
from clformer.plan import Plan
from clformer.softmax import scaled_masked_softmax, scaled_masked_softmax_grad


def build_info() -> str:
    """One line for bug reports: the library's version, source commit, compiler, build type."""
    return _lib.clf_build_info().decode()


__all__ = [
    "ALL_TOKENS", "ArgumentTypeError", "Attention", "AttentionGradients", "BuildError", "CacheInfo",
    "ConstraintError", "Device", "DeviceRuntimeError", "Error", "FloydAttention", "FloydGradients",
    "Int4", "InternalError", "InvalidArgumentError", "MissingArgumentError", "NoDeviceError",
    "OutOfMemoryError", "Plan", "UnsupportedError", "__version__", "build_info", "compressed_mask",
    "dropout_mask", "ffn", "flash_attention", "flash_attention_grad", "floyd_attention",
    "floyd_attention_grad", "get_device", "library_path", "num_probabilities",
    "scaled_masked_softmax", "scaled_masked_softmax_grad",
]
