"""A network's first 3×3 convolution, of few channels, and BatchNorm after it, on the CPU: see few.c."""

from __future__ import annotations

import ctypes
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from podium.kernels.library import lanes_for, library
from podium.kernels.norm import Around, Normalizing, norm2d, state
from podium.kernels.norm import suits as norm_suits

_LAST: Final = torch.channels_last
FEW: Final = 4
"""Channels at most."""


class _Shape(ctypes.Structure):
    _fields_ = [(f, ctypes.c_int) for f in ("n", "h", "w", "c", "k", "pad", "threads", "before", "after", "pool")]


def suits(conv: nn.Conv2d) -> bool:
    """Whether ``conv3x3_few`` can take the place of a layer."""
    plain = conv.kernel_size == (3, 3) and conv.stride == (1, 1) and conv.dilation == (1, 1) and conv.groups == 1
    padded = conv.padding in {(0, 0), (1, 1)} and conv.padding_mode == "zeros"
    return plain and padded and conv.in_channels <= FEW and lanes_for(conv.out_channels) is not None


def pays(x: Tensor, padding: int) -> bool:
    """Whether images are of the kind that it is made for: with a gradient of their own they are left to torch."""
    some = min(x.shape[-2:]) + 2 * padding > 2
    return some and x.is_cpu and x.dtype == torch.float32 and not x.requires_grad and torch.is_grad_enabled()


def conv3x3_few(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """Float32 N×C×H×W, K×C×3×3, K → N×K×H'×W' in channels_last; C at most 4, K a multiple of 8. Only rounding differs.

    Raises:
        NoKernels: There are none on this machine.
    """
    result: Tensor = _Few.apply(x, weight, bias, padding)
    return result


def conv3x3_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor, around: Around) -> Tensor:
    """The convolution and ``norm2d`` after it: N×C×H×W → N×K×H'×W', or what pooling leaves of it.

    Raises:
        NoKernels: There are none on this machine.
        ValueError: One value a channel in training mode, as torch has it.
    """
    padding = int(conv.padding[0])
    n, _, h, w = x.shape
    shape = (n, conv.out_channels, h + 2 * padding - 2, w + 2 * padding - 2)
    if not (norm.training and pays(x, padding) and norm_suits(norm, shape, around)):
        return norm2d(norm, nn.Conv2d.forward(conv, x), around)
    result: Tensor = _First.apply(x, conv.weight, conv.bias, *state(norm), around, padding)
    return result


class _Few(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        x, weight = x.contiguous(memory_format=_LAST), weight.contiguous(memory_format=_LAST)
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        call = _Call(x, weight, padding, Around())
        y = torch.empty(call.result, memory_format=_LAST)
        call("few", x, weight, bias, y, call.scratch())
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        call = _Call(x, weight, ctx.padding, Around())
        dw, db = torch.empty_like(weight), torch.empty(len(weight)) if ctx.needs_input_grad[2] else None
        call("few_back", x, grad.contiguous(memory_format=_LAST), dw, db, call.scratch())
        return None, dw, db, None


class _First(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
        *normed, around, padding = rest
        x, weight = x.contiguous(memory_format=_LAST), weight.contiguous(memory_format=_LAST)
        call = _Call(x, weight, padding, around)
        convolved, found = torch.empty(call.result, memory_format=_LAST), torch.empty(4, len(weight))
        call("first", x, weight, bias, convolved, *normed, found, call.sums(), call.scratch())
        y, maxima = Normalizing(convolved, around).normalize(found)
        ctx.save_for_backward(x, weight, convolved, found, maxima)
        ctx.around, ctx.padding = around, padding
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, convolved, found, maxima = ctx.saved_tensors
        call = _Call(x, weight, ctx.padding, ctx.around)
        grads, dw = torch.empty_like(found), torch.empty_like(weight)
        db = torch.empty(len(weight)) if ctx.needs_input_grad[2] else None
        dy = grad.contiguous(memory_format=_LAST)
        call("first_back", x, convolved, found, maxima, dy, grads, dw, db, call.sums(), call.scratch())
        return None, dw, db, grads[0], grads[1], *[None] * 5


class _Call:
    """The functions of few.c for one layer's shapes."""

    def __init__(self, x: Tensor, weight: Tensor, padding: int, around: Around) -> None:
        (n, c, h, w), k = x.shape, len(weight)
        lanes = lanes_for(k)
        assert lanes is not None, "see suits"
        self.library = library("few", lanes)
        self.result = (n, k, h + 2 * padding - 2, w + 2 * padding - 2)
        self.shape = _Shape(n, h, w, c, k, padding, min(torch.get_num_threads(), n), *around.flags())

    def sums(self) -> Tensor:
        """Room for two sums a channel in each thread."""
        return torch.empty(self.shape.threads * 2 * self.shape.k, dtype=torch.float64)

    def scratch(self) -> Tensor:
        """Room for all threads."""
        self.library.podium_few_scratch.restype = ctypes.c_size_t
        return torch.empty(self.shape.threads * self.library.podium_few_scratch(ctypes.byref(self.shape)))

    def __call__(self, name: str, *tensors: Tensor | None) -> None:
        pointers = (ctypes.c_void_p(None if tensor is None else tensor.data_ptr()) for tensor in tensors)
        getattr(self.library, f"podium_{name}")(ctypes.byref(self.shape), *pointers)
