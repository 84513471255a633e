"""3×3 convolutions with stride 1 on the CPU, with a sixth to a third of the multiplications: see winograd.c."""

from __future__ import annotations

import ctypes
import math
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from podium.kernels import toom_cook
from podium.kernels.library import lanes_for, library

_LAST: Final = torch.channels_last
PIXELS: Final = 768
"""Results, about, whose tiles a thread transforms at once: their places fit a second-level cache."""
LEAST: Final = 24
"""Tiles that products need at once, at the least."""
PRODUCTS: Final = 512
"""Weights that a tile more at once pays for: all of them are read for each round."""
WEIGHTS: Final = 32
"""What transforming the weights and their gradient costs, in tiles that are multiplied by them."""
MOST: Final = 2_000_000
"""Transformed weights at once: they bound memory, and a third-level cache has room for them."""
SHARE: Final = 0.5
"""Of the usual multiplications; where more are needed, the layer is left to torch."""


class _Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("n", "h", "w", "c", "k", "pad", "chunk", "threads", "slices")]


def suits(conv: nn.Conv2d) -> bool:
    """Whether ``conv3x3`` can take the place of a layer. A network's first, of three channels, is left to torch."""
    plain = conv.kernel_size == (3, 3) and conv.stride == (1, 1) and conv.dilation == (1, 1) and conv.groups == 1
    padded = conv.padding in {(0, 0), (1, 1)} and conv.padding_mode == "zeros"
    return plain and padded and lanes_for(conv.in_channels, conv.out_channels) is not None


def pays(x: Tensor, padding: int) -> bool:
    """Whether images N×C×H×W are large enough, and enough; else they are left to torch."""
    height, width = (side + 2 * padding - 2 for side in x.shape[-2:])
    if x.device.type != "cpu" or x.dtype != torch.float32 or min(height, width) < 1:
        return False
    return min(_costs(len(x), height, width).values()) <= SHARE * 9 * height * width * len(x)


def tile_for(images: int, height: int, width: int) -> int:
    """Side of the tiles for so many results of such a size."""
    costs = _costs(images, height, width)
    return min(costs, key=costs.__getitem__)


def _costs(images: int, height: int, width: int) -> dict[int, int]:
    """Multiplications of each tile, of an input by an output channel."""
    return {
        tile: (tile + 2) ** 2 * (math.ceil(height / tile) * math.ceil(width / tile) * images + WEIGHTS)
        for tile in toom_cook.PAIRS
    }


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
        y = torch.empty(call.result, memory_format=_LAST)  # before what is soon free again, lest it lies amid that
        bias = None if bias is None else bias.contiguous()
        call("forward", x, weight, bias, y, call.transformed(), call.scratch())
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, wants_bias, _ = ctx.needs_input_grad
        call = _Call(x, weight, ctx.padding)
        dy = grad.contiguous(memory_format=_LAST)
        dx = torch.empty_like(x) if wants_x else None
        dw = torch.empty_like(weight)
        db = torch.empty(len(weight)) if wants_bias else None
        back = call.transformed() if wants_x else None
        sums = torch.empty(call.shape.threads * len(weight))
        call("backward", x, weight, dy, dx, dw, db, back, call.transformed(), sums, call.scratch())
        return dx, dw if wants_weight else None, db, None


class _Call:
    """The functions of winograd.c for one layer's shapes."""

    def __init__(self, x: Tensor, weight: Tensor, padding: int) -> None:
        (n, c, h, w), k = x.shape, len(weight)
        lanes = lanes_for(c, k)
        assert lanes is not None, "see suits"
        self.result = (n, k, h + 2 * padding - 2, w + 2 * padding - 2)
        tile = tile_for(n, *self.result[2:])
        self.library = library("winograd", lanes, toom_cook.header(tile))
        tiles = math.prod(math.ceil(side / tile) for side in self.result[2:])
        threads = torch.get_num_threads()
        at_once = max(round(threads * PIXELS / (tile**2 * tiles)), math.ceil(max(LEAST, c * k / PRODUCTS) / tiles))
        even = math.ceil(n / math.ceil(n / at_once))
        slices = math.ceil((tile + 2) ** 2 * c * k / MOST)
        self.shape = _Shape(n, h, w, c, k, padding, even, threads, slices)

    def scratch(self) -> Tensor:
        """Room for all threads."""
        return self._room("scratch")

    def transformed(self) -> Tensor:
        """Room for transformed weights, or for their gradient."""
        return self._room("transformed")

    def _room(self, name: str) -> Tensor:
        floats = getattr(self.library, f"podium_{name}")
        floats.restype = ctypes.c_size_t
        return torch.empty(floats(ctypes.byref(self.shape)))

    def __call__(self, name: str, *tensors: Tensor | None) -> None:
        pointers = (ctypes.c_void_p(None if tensor is None else tensor.data_ptr()) for tensor in tensors)
        getattr(self.library, f"podium_{name}")(ctypes.byref(self.shape), *pointers)
