"""ReLU, BatchNorm, ReLU or GELU, and max pooling together on the CPU: see norm.c."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
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


def norm2d(norm: nn.BatchNorm2d, x: Tensor, around: Around) -> Tensor:
    """N×C×H×W → N×C×H×W, or N×C×H/2×W/2 with pooling. In training mode the running statistics follow, as in torch.

    Differs from torch's by rounding. What the kernels are not made for is computed by torch.

    Raises:
        NoKernels: There are none on this machine.
        ValueError: One value a channel in training mode, as torch has it.
    """
    lanes = lanes_for(x.shape[1])
    even = not around.pool or (x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0)
    plain = norm.affine and norm.track_running_stats and norm.momentum is not None
    gradient = torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in norm.parameters()))
    many = x.numel() > x.shape[1] if norm.training else not gradient
    if lanes is None or not (even and plain and many) or x.dtype != torch.float32 or x.device.type != "cpu":
        return _by_torch(norm, x, around)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    x = x.contiguous(memory_format=torch.channels_last)
    if not norm.training:
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        return _Call(x, around, lanes).normalize(torch.cat([scale, norm.bias - norm.running_mean * scale]))[0]
    settings = torch.tensor([norm.eps, norm.momentum], dtype=torch.float64)
    result: Tensor = _Norm.apply(x, norm.weight, norm.bias, norm.running_mean, norm.running_var, settings, around)
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return result


def _by_torch(norm: nn.BatchNorm2d, x: Tensor, around: Around) -> Tensor:
    x = nn.BatchNorm2d.forward(norm, functional.relu(x) if around.relu_first else x)
    x = functional.relu(x) if around.relu_after else functional.gelu(x) if around.gelu_after else x
    return functional.max_pool2d(x, 2) if around.pool else x


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor, settings: Tensor, around: Around
    ) -> Tensor:
        lanes = lanes_for(x.shape[1])
        assert lanes is not None
        call = _Call(x, around, lanes)
        found = torch.empty(4, x.shape[1])
        call("statistics", x, weight, bias, mean, var, settings, found, call.sums())
        y, maxima = call.normalize(found)
        ctx.save_for_backward(x, found, maxima)
        ctx.around = around
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, found, maxima = ctx.saved_tensors
        lanes = lanes_for(x.shape[1])
        assert lanes is not None
        call = _Call(x, ctx.around, lanes)
        dx = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        grads = torch.empty_like(found)
        dy = grad.contiguous(memory_format=torch.channels_last)
        call("gradients", x, found, maxima, dy, dx, grads, call.sums())
        return dx, grads[0], grads[1], None, None, None, None


class _Call:
    """The functions of norm.c for images N×C×H×W in channels_last."""

    def __init__(self, x: Tensor, around: Around, lanes: int) -> None:
        n, c, h, w = x.shape
        self.x, self.library = x, library("norm", lanes)
        assert not (around.gelu_after and (around.relu_after or around.pool))
        first, after, pool = around.relu_first, 2 if around.gelu_after else int(around.relu_after), around.pool
        self.shape = _Shape(n, h, w, c, first, after, pool, torch.get_num_threads())
        self.result = (n, c, h // 2, w // 2) if pool else (n, c, h, w)

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
        pointers = (ctypes.c_void_p(None if tensor is None else tensor.data_ptr()) for tensor in tensors)
        getattr(self.library, f"podium_{name}")(ctypes.byref(self.shape), *pointers)
