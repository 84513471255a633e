"""BatchNorm followed by GELU, of which only the input is kept for the backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.kernels.context import in_use
from podium.kernels.norm import Around, norm2d


def norm_gelu(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """GELU of BatchNorm: N×C×H×W → N×C×H×W.

    Apart, the two keep two tensors of the input's size until the backward pass: the input, and what GELU saw. The
    second is computed again here (Bulò et al. 2018, arXiv 1712.02616, section 3.1), by the same kernel from the
    same values, so results and gradients are the same to the bit. Only on the CPU, where memory is shared with all
    else; elsewhere the two run apart. Where Podium's kernels are in use, they do both at once.
    """
    if in_use():
        return norm2d(norm, x, Around(gelu_after=True))
    again = norm.training and torch.is_grad_enabled() and x.device.type == "cpu" and not torch.compiler.is_compiling()
    if not again or x.numel() == x.shape[1] or norm.momentum is None:  # one value a channel is refused by BatchNorm
        return functional.gelu(norm(x))
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    result: Tensor = _NormGelu.apply(
        x, norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.momentum, norm.eps
    )
    return result


class _NormGelu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        var: Tensor,
        momentum: float,
        eps: float,
    ) -> Tensor:
        normed, saved_mean, saved_scale = torch.native_batch_norm(x, weight, bias, mean, var, True, momentum, eps)
        ctx.save_for_backward(x, weight, bias, saved_mean, saved_scale)
        ctx.eps = eps
        return functional.gelu(normed)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, saved_mean, saved_scale = ctx.saved_tensors
        normed, _, _ = torch.native_batch_norm(x, weight, bias, None, None, True, 0.0, ctx.eps)
        grad = torch.ops.aten.gelu_backward(grad, normed)
        del normed
        wanted = list(ctx.needs_input_grad[:3])
        grads = torch.ops.aten.native_batch_norm_backward(
            grad, x, weight, None, None, saved_mean, saved_scale, True, ctx.eps, wanted
        )
        return *(g if needed else None for g, needed in zip(grads, wanted, strict=True)), None, None, None, None
