"""Layers that torch lacks. Dropout draws from a generator of its training, since others may train beside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from podium.contract import Channels

_BRIGHTNESS: Channels = (0.299, 0.587, 0.114)
"""Of red, green and blue in luma: ITU-R BT.601, as Pillow's mode "L" has it."""


@dataclass
class Rows:
    """Which part of a batch a network is shown, where several processes share it; set before each step."""

    first: int = 0
    total: int | None = None
    """Of the whole batch; None: the network is shown all of it."""


class Dropout(nn.Module):
    """Dropout drawing from ``generator``, which the trainer sets; the identity in evaluation or at rate 0."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.generator: torch.Generator | None = None
        self.rows = Rows()

    def forward(self, x: Tensor) -> torch.Tensor:
        """Zero each value with probability ``rate`` and scale the rest. Raises RuntimeError without a generator."""
        if not self.training or self.rate == 0.0:
            return x
        if self.generator is None:
            raise RuntimeError("Dropout in training mode without a generator: call set_dropout_generator first")
        return x * self._mask(x, self.generator)

    def _mask(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """0 or 1 / (1 - rate) for each value, in the layout of ``x``.

        Sixteen random bits a value, drawn as words of 64: several times faster on a CPU than a Bernoulli draw each. The
        rate is rounded to 1/65536, and the scale follows the rounded one, so that the mean is kept. A network that is
        shown a part of a batch draws for all of it.
        """
        layout = self._whole(x)
        words = torch.empty((layout.numel() + 3) // 4, dtype=torch.int64, device=x.device)
        words.random_(-(2**63), None, generator=generator)
        bits = words.view(torch.int16)[: layout.numel()].as_strided(layout.size(), layout.stride())
        if len(layout) > len(x):
            bits = bits[self.rows.first : self.rows.first + len(x)]
        dropped = min(round(self.rate * 2**16), 2**16 - 1)
        return (bits >= dropped - 2**15).to(x.dtype).mul_(2**16 / (2**16 - dropped))

    def _whole(self, x: Tensor) -> Tensor:
        """Uninitialized values of the whole batch, laid out as ``x``, which is its part."""
        total = self.rows.total
        if total is None or total == len(x):
            return torch.empty_like(x)
        last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        return torch.empty(total, *x.shape[1:], dtype=x.dtype, device=x.device, memory_format=layout)

    def extra_repr(self) -> str:
        """Show the rate in the module's repr."""
        return f"rate={self.rate}"


def set_dropout_generator(net: nn.Module, generator: torch.Generator, rows: Rows | None = None) -> None:
    """Let every dropout layer of ``net`` draw from ``generator`` (on the network's device).

    ``rows`` says which part of a batch the network is being shown; all of it unless given.
    """
    for module in net.modules():
        if isinstance(module, Dropout):
            module.generator = generator
            module.rows = rows or Rows()


class Grayscale(nn.Module):
    """Brightness of normalized RGB images: luma by ITU-R BT.601, itself normalized. Has no parameters and no state.

    With x = (v - mean) / std for each channel, luma less its mean is Σ w·std·x. It is divided by Σ w·std, which is the
    standard deviation of the luma of gray images, whose channels vary together.

    Args:
        mean: Of the input contract, per channel on [0, 1].
        std: Likewise.
    """

    def __init__(self, mean: Channels, std: Channels) -> None:
        super().__init__()
        self.mean = sum(weight * value for weight, value in zip(_BRIGHTNESS, mean, strict=True))
        """Of the luma, on [0, 1]."""
        self.std = sum(weight * value for weight, value in zip(_BRIGHTNESS, std, strict=True))
        self.weights = tuple(weight * value / self.std for weight, value in zip(_BRIGHTNESS, std, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """N×3×H×W → N×1×H×W."""
        red, green, blue = self.weights
        return x[:, 0:1] * red + x[:, 1:2] * green + x[:, 2:3] * blue

    def extra_repr(self) -> str:
        """Show the weights in the module's repr."""
        return "weights=" + ", ".join(f"{weight:.4f}" for weight in self.weights)


class GlobalAveragePool(nn.Module):
    """The mean of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W → N×C."""
        return x.mean(dim=(2, 3))
