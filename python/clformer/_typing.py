"""Names for type hints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, Union

if TYPE_CHECKING:
    import numpy
    import torch

    from clformer._arrays import Int4
    from clformer.device import Device

    AnyArray = Union[numpy.ndarray, torch.Tensor]
    Array = TypeVar("Array", numpy.ndarray, torch.Tensor)
    Weight = Union[numpy.ndarray, torch.Tensor, Int4]
    DeviceChoice = Union[Device, str, None]
else:
    AnyArray = Array = Weight = DeviceChoice = Any
