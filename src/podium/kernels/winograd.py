"""3×3 convolutions with stride 1 on the CPU, with a quarter of the multiplications: see winograd.c."""

from __future__ import annotations

import ctypes
import math
from typing import Any, Final

import torch
from torch import Tensor, nn

from podium.kernels.library import lanes_for, library

_LAST: Final = torch.channels_last
TILE: Final = 4
"""Side of a tile of results."""
ROWS: Final = 48
"""Tiles that a thread transforms at once, about: their places fit a second-level cache, and suffice for products."""
COVERED: Final = 0.5
"""Share of the tiles that results must cover: multiplications beside the image are for nothing."""


class _Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("n", "h", "w", "c", "k", "pad", "chunk", "threads")]


def suits(conv: nn.Conv2d) -> bool:
    """Whether ``conv3x3`` can take the place of a layer. A network's first, of three channels, is left to torch."""
    plain = conv.kernel_size == (3, 3) and conv.stride == (1, 1) and conv.dilation == (1, 1) and conv.groups == 1
    padded = conv.padding in {(0, 0), (1, 1)} and conv.padding_mode == "zeros"
    return plain and padded and lanes_for(conv.in_channels, conv.out_channels) is not None


def pays(x: Tensor, padding: int) -> bool:
    """Whether images N×C×H×W are large enough; smaller ones are left to torch."""
    height, width = (side + 2 * padding - 2 for side in x.shape[-2:])
    if x.device.type != "cpu" or x.dtype != torch.float32 or min(height, width) < 1:
        return False
    down, across = math.ceil(height / TILE), math.ceil(width / TILE)
    return height * width >= COVERED * TILE**2 * down * across and len(x) * down * across >= ROWS


def conv3x3(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """Float32 N×C×H×W, K×C×3×3, K → N×K×H'×W' in channels_last; C and K multiples of 8. Only rounding differs.

    Raises:
        NoKernels: There are none on this machine.
    """
    result: Tensor = _Conv3x3.apply(x, weight, bias, padding)
    return result


class _Conv3x3(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        x, weight = x.contiguous(memory_format=_LAST), weight.contiguous(memory_format=_LAST)
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        call = _Call(x, weight, padding)
        u = torch.empty(call.transformed)
        call("weights", weight, u, None)
        y = torch.empty(call.result, memory_format=_LAST)
        call("forward", x, u, None if bias is None else bias.contiguous(), y, call.scratch())
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, wants_bias, _ = ctx.needs_input_grad
        call = _Call(x, weight, ctx.padding)
        dx = torch.empty_like(x) if wants_x else None
        back = torch.empty(call.transformed) if wants_x else None
        if back is not None:
            call("weights", weight, None, back)
        dw = torch.empty_like(weight)
        db = torch.empty(len(weight)) if wants_bias else None
        du = torch.empty(call.shape.threads * (call.transformed + len(weight)))
        dy = grad.contiguous(memory_format=_LAST)
        call("backward", x, dy, back, dx, dw, db, du, call.scratch())
        return dx, dw if wants_weight else None, db, None


class _Call:
    """The functions of winograd.c for one layer's shapes."""

    def __init__(self, x: Tensor, weight: Tensor, padding: int) -> None:
        (n, c, h, w), k = x.shape, len(weight)
        lanes = lanes_for(c, k)
        assert lanes is not None, "see suits"
        self.library = library("winograd", lanes)
        self.result = (n, k, h + 2 * padding - 2, w + 2 * padding - 2)
        tiles = math.prod(math.ceil(side / TILE) for side in self.result[2:])
        threads = min(torch.get_num_threads(), n)
        self.shape = _Shape(n, h, w, c, k, padding, max(1, round(ROWS / tiles)), threads)
        self.transformed = 36 * c * k

    def scratch(self) -> Tensor:
        """Room for all threads."""
        self.library.podium_scratch.restype = ctypes.c_size_t
        return torch.empty(self.shape.threads * self.library.podium_scratch(ctypes.byref(self.shape)))

    def __call__(self, name: str, *tensors: Tensor | None) -> None:
        pointers = (ctypes.c_void_p(None if tensor is None else tensor.data_ptr()) for tensor in tensors)
        getattr(self.library, f"podium_{name}")(ctypes.byref(self.shape), *pointers)
