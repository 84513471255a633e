"""Max pooling by 2×2 on the CPU, of which a byte a maximum is kept: see pool.c."""

from __future__ import annotations

import ctypes
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from podium.kernels.library import lanes_for, library

_LAST: Final = torch.channels_last


class _Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("n", "h", "w", "c", "threads")]


def pays(x: Tensor) -> bool:
    """Whether images N×C×H×W are of the kind that it is made for."""
    fits = x.device.type == "cpu" and x.dtype == torch.float32 and min(x.shape[-2:]) >= 2
    return fits and lanes_for(x.shape[1]) is not None and x.is_contiguous(memory_format=_LAST)


def max_pool(x: Tensor) -> Tensor:
    """Float32 N×C×H×W in channels_last → N×C×⌊H/2⌋×⌊W/2⌋; C a multiple of 8. The bits of torch's.

    Raises:
        NoKernels: There are none on this machine.
    """
    result: Tensor = _Pool.apply(x)
    return result


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        y = torch.empty(n, c, h // 2, w // 2, memory_format=_LAST)
        places = torch.empty_like(y, dtype=torch.uint8)
        ctx.save_for_backward(places)
        ctx.shape = x.shape
        _call("pool", x.shape, x, y, places)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (places,) = ctx.saved_tensors
        dx = torch.empty(ctx.shape, memory_format=_LAST)
        _call("unpool", ctx.shape, grad.contiguous(memory_format=_LAST), places, dx)
        return dx


def _call(name: str, shape: tuple[int, ...], *tensors: Tensor) -> None:
    n, c, h, w = shape
    lanes = lanes_for(c)
    assert lanes is not None, "see pays"
    given = _Shape(n, h, w, c, torch.get_num_threads())
    pointers = (ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors)
    getattr(library("pool", lanes), f"podium_{name}")(ctypes.byref(given), *pointers)
