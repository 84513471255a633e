"""A network's first 3×3 convolution, of few channels: its gradients on the CPU; see few.c. Results are torch's."""

from __future__ import annotations

import ctypes
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.kernels.library import lanes_for, library

_LAST: Final = torch.channels_last
FEW: Final = 4
"""Channels at most."""


class _Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("n", "h", "w", "c", "k", "pad", "threads")]


def suits(conv: nn.Conv2d) -> bool:
    """Whether ``conv3x3_few`` can take the place of a layer."""
    plain = conv.kernel_size == (3, 3) and conv.stride == (1, 1) and conv.dilation == (1, 1) and conv.groups == 1
    padded = conv.padding in {(0, 0), (1, 1)} and conv.padding_mode == "zeros"
    return plain and padded and conv.in_channels <= FEW and lanes_for(conv.out_channels) is not None


def pays(x: Tensor) -> bool:
    """Whether images are of the kind that it is made for: with a gradient of their own they are left to torch."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not x.requires_grad and torch.is_grad_enabled()


def conv3x3_few(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """Float32 N×C×H×W, K×C×3×3, K → N×K×H'×W'; C at most 4, K a multiple of 8. Only gradients' rounding differs.

    Raises:
        NoKernels: There are none on this machine.
    """
    result: Tensor = _Few.apply(x, weight, bias, padding)
    return result


class _Few(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return functional.conv2d(x, weight, bias, 1, padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        (n, c, h, w), (k, _, _, _) = x.shape, weight.shape
        _, wants_weight, wants_bias, _ = ctx.needs_input_grad
        lanes = lanes_for(k)
        assert lanes is not None, "see suits"
        shape = _Shape(n, h, w, c, k, ctx.padding, min(torch.get_num_threads(), n))
        found = torch.empty(shape.threads, 9 * c + 1, k)
        made = library("few", lanes)
        made.podium_few_scratch.restype = ctypes.c_size_t
        scratch = torch.empty(shape.threads * made.podium_few_scratch(ctypes.byref(shape)))
        images, dy = x.contiguous(memory_format=_LAST), grad.contiguous(memory_format=_LAST)
        pointers = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (images, dy, found, scratch))
        made.podium_few(ctypes.byref(shape), *pointers)
        dw = found[0, :-1].view(3, 3, c, k).permute(3, 2, 0, 1).contiguous(memory_format=_LAST)
        return None, dw if wants_weight else None, found[0, -1] if wants_bias else None, None
