"""Batches of uint8 images on the CPU, resampled and normalized: see images.c."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from podium.kernels.context import in_use
from podium.kernels.library import library

_LANES = 8
"""Nothing here is divided by them."""


class _Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("n", "h", "w", "threads")]


def wanted(images: Tensor) -> bool:
    """Whether kernels are in use, and made for ``images``."""
    return in_use() and images.is_cpu and images.dtype == torch.uint8 and images.ndim == 4 and images.shape[3] == 3


def resample(images: Tensor, maps: Tensor) -> Tensor:
    """Bilinear resampling, rounded; what moves in from outside repeats the nearest pixel of the border.

    Args:
        images: uint8 N×H×W×3.
        maps: float32 N×6: where to look, as a x + b y + c, d x + e y + f with x and y from -1 to 1 (an image's edges).

    Returns:
        uint8 N×H×W×3; torch's ``grid_sample`` but for rounding.

    Raises:
        NoKernels: There are none on this machine.
    """
    images, maps, result = images.contiguous(), maps.contiguous(), torch.empty_like(images)
    shape, made = _of(images)
    made.podium_affine_scratch.restype = ctypes.c_size_t
    scratch = torch.empty(shape.threads * made.podium_affine_scratch(ctypes.byref(shape)), dtype=torch.int32)
    made.podium_affine(ctypes.byref(shape), *_pointers(images, maps, result, scratch))
    return result


def normalize(images: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """uint8 N×H×W×3, float32 3 and 3 → float32 N×H×W×3: ``scale * images + bias``. Raises NoKernels."""
    images, result = images.contiguous(), torch.empty(images.shape)
    shape, made = _of(images)
    made.podium_normalize(ctypes.byref(shape), *_pointers(images, scale, bias, result))
    return result


def _of(images: Tensor) -> tuple[_Shape, ctypes.CDLL]:
    n, h, w, _ = images.shape
    return _Shape(n, h, w, max(1, min(torch.get_num_threads(), n))), library("images", _LANES)


def _pointers(*tensors: Tensor) -> tuple[ctypes.c_void_p, ...]:
    return tuple(ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors)
