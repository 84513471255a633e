"""Floating-point operations of a forward pass, counted in the calling thread alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


def flops(net: nn.Module, images: Tensor) -> int:
    """Two for each multiply-add of convolutions and matrix products, as torch's ``FlopCounterMode`` counts.

    That one hooks into the modules of all threads, whose compiled code would be compiled anew.

    Args:
        net: On the device of ``images``; it is run once.
        images: What it takes.
    """
    counter = _Counter()
    with torch.inference_mode(), counter:
        net(images)
    return counter.flops


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        from torch.utils.flop_counter import flop_registry  # imports Triton: half a second

        self.flops, self._known = 0, flop_registry

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        count = self._known.get(func._overloadpacket)
        if count is None:
            with self:
                parts = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if parts is NotImplemented else parts
        out = func(*args, **kwargs)
        self.flops += count(*args, **kwargs, out_val=out)
        return out
