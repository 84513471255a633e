"""ReLU, BatchNorm, ReLU or GELU, and max pooling together on the CPU: see norm.c."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from podium.kernels.library import lanes_for, library


class _Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("n", "h", "w", "c", "before", "after", "pool", "threads")]


@dataclass(frozen=True)
class Around:
    """What is done together with a BatchNorm layer."""

    relu_first: bool = False
    relu_after: bool = False
    pool: bool = False
    """Max pooling by 2×2, after all else."""
    gelu_after: bool = False
    """Instead of a ReLU, and without pooling."""

    def flags(self) -> tuple[int, int, int]:
        """Before, after and pool, as norm.h has them."""
        assert not (self.gelu_after and (self.relu_after or self.pool))
        return int(self.relu_first), 2 if self.gelu_after else int(self.relu_after), int(self.pool)


def norm2d(norm: nn.BatchNorm2d, x: Tensor, around: Around) -> Tensor:
    """N×C×H×W → N×C×H×W, or N×C×H/2×W/2 with pooling. In training mode the running statistics follow, as in torch.

    Differs from torch's by rounding. What the kernels are not made for is computed by torch.

    Raises:
        NoKernels: There are none on this machine.
        ValueError: One value a channel in training mode, as torch has it.
    """
    gradient = torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in norm.parameters()))
    if not suits(norm, x.shape, around) or (gradient and not norm.training) or x.dtype != torch.float32 or not x.is_cpu:
        return _by_torch(norm, x, around)
    x = x.contiguous(memory_format=torch.channels_last)
    if not norm.training:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        return Normalizing(x, around).normalize(torch.cat([scale, norm.bias - norm.running_mean * scale]))[0]
    result: Tensor = _Norm.apply(x, *state(norm), around)
    return result


def suits(norm: nn.BatchNorm2d, shape: Sequence[int], around: Around) -> bool:
    """Whether the kernels are made for a layer's settings, and for images N×C×H×W of such a shape."""
    n, c, h, w = shape
    even = not around.pool or (h % 2 == 0 and w % 2 == 0)
    plain = norm.affine and norm.track_running_stats and norm.momentum is not None
    return lanes_for(c) is not None and even and plain and (n * h * w > 1 or not norm.training)


def state(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What a step in training mode needs - weight, bias, running mean and variance, and [eps, momentum] -, counted."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    settings = torch.tensor([norm.eps, norm.momentum], dtype=torch.float64)
    return norm.weight, norm.bias, norm.running_mean, norm.running_var, settings


def _by_torch(norm: nn.BatchNorm2d, x: Tensor, around: Around) -> Tensor:
    x = nn.BatchNorm2d.forward(norm, functional.relu(x) if around.relu_first else x)
    x = functional.relu(x) if around.relu_after else functional.gelu(x) if around.gelu_after else x
    return functional.max_pool2d(x, 2) if around.pool else x


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor, settings: Tensor, around: Around
    ) -> Tensor:
        call = Normalizing(x, around)
        found = torch.empty(4, x.shape[1])
        call("statistics", x, weight, bias, mean, var, settings, found, call.sums())
        y, maxima = call.normalize(found)
        ctx.save_for_backward(x, found, maxima)
        ctx.around = around
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, found, maxima = ctx.saved_tensors
        call = Normalizing(x, ctx.around)
        dx = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        grads = torch.empty_like(found)
        dy = grad.contiguous(memory_format=torch.channels_last)
        call("gradients", x, found, maxima, dy, dx, grads, call.sums())
        return dx, grads[0], grads[1], None, None, None, None


class Normalizing:
    """The functions of norm.c for images N×C×H×W in channels_last."""

    def __init__(self, x: Tensor, around: Around) -> None:
        n, c, h, w = x.shape
        lanes = lanes_for(c)
        assert lanes is not None, "see suits"
        self.x, self.library = x, library("norm", lanes)
        self.shape = _Shape(n, h, w, c, *around.flags(), torch.get_num_threads())
        self.result = (n, c, h // 2, w // 2) if around.pool else (n, c, h, w)

    def sums(self) -> Tensor:
        """Room for two sums a channel in each thread."""
        return torch.empty(self.shape.threads * 2 * self.shape.c, dtype=torch.float64)

    def normalize(self, found: Tensor) -> tuple[Tensor, Tensor | None]:
        """Results, and f(x) at the maxima where there is pooling; ``found`` begins with scales and shifts."""
        y = torch.empty(self.result, memory_format=torch.channels_last)
        maxima = torch.empty_like(y) if self.shape.pool else None
        self("normalize", self.x, found, found.view(-1)[self.shape.c :], y, maxima)
        return y, maxima

    def __call__(self, name: str, *tensors: Tensor | None) -> None:
        """Call ``podium_NAME``."""
        pointers = (ctypes.c_void_p(None if tensor is None else tensor.data_ptr()) for tensor in tensors)
        getattr(self.library, f"podium_{name}")(ctypes.byref(self.shape), *pointers)
