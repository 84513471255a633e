"""Max pooling that keeps next to nothing for the backward pass."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

_INT16: Final = 2**15


class MaxPool(nn.MaxPool2d):
    """Max pooling by 2×2, of which only the places of the maxima are kept, as int16.

    Torch's own keeps its input and the places as int64 until the backward pass, though that needs no more of the input
    than its shape. Results and gradients are the same to the bit. Only on the CPU, where memory is shared with all
    else; elsewhere torch's own runs.
    """

    def __init__(self, *, ceil_mode: bool = False) -> None:
        super().__init__(2, ceil_mode=ceil_mode)

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W → N×C×H/2×W/2."""
        slim = x.device.type == "cpu" and x.requires_grad and torch.is_grad_enabled()
        if not slim or torch.compiler.is_compiling() or x.shape[-2] * x.shape[-1] > _INT16:
            return super().forward(x)
        pooled: Tensor = _MaxPool.apply(x, self.ceil_mode)
        return pooled


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, ceil_mode: bool) -> Tensor:
        pooled, places = torch.ops.aten.max_pool2d_with_indices(x, 2, 2, 0, 1, ceil_mode)
        ctx.save_for_backward(places.to(torch.int16))
        layout = torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
        ctx.like = (x.shape, x.dtype, layout, ceil_mode)
        result: Tensor = pooled
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        shape, dtype, layout, ceil_mode = ctx.like
        unread = torch.empty(shape, dtype=dtype, memory_format=layout)  # its values are never looked at
        backward = torch.ops.aten.max_pool2d_with_indices_backward
        return backward(grad, unread, 2, 2, 0, 1, ceil_mode, places.long()), None
