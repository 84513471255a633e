"""Layers that draw from an explicit generator, so that parallel trainings in one process cannot disturb each other."""

from __future__ import annotations

import torch
from torch import nn


class Dropout(nn.Module):
    """Dropout drawing from ``generator``, which the trainer sets; the identity in evaluation or at rate 0."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.generator: torch.Generator | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Zero each value with probability ``rate`` and scale the rest. Raises RuntimeError without a generator."""
        if not self.training or self.rate == 0.0:
            return x
        if self.generator is None:
            raise RuntimeError("Dropout in training mode without a generator: call set_dropout_generator first")
        keep = 1.0 - self.rate
        return x * torch.empty_like(x).bernoulli_(keep, generator=self.generator).div_(keep)

    def extra_repr(self) -> str:
        """Show the rate in the module's repr."""
        return f"rate={self.rate}"


def set_dropout_generator(net: nn.Module, generator: torch.Generator) -> None:
    """Let every dropout layer of ``net`` draw from ``generator`` (on the network's device)."""
    for module in net.modules():
        if isinstance(module, Dropout):
            module.generator = generator
