"""Cutout: a square of each image turns gray."""

from __future__ import annotations

import torch
from torch import Tensor

from podium.config import AugmentConfig
from podium.training.augment.samples import Samples

GRAY = 128
"""Near the mean of natural images: next to nothing after normalization."""


def cutout(images: Tensor, config: AugmentConfig, generator: torch.Generator, samples: Samples | None) -> Tensor:
    """Gray out a square whose center lies on any pixel, so that part of it may lie outside.

    DeVries & Taylor 2017, arXiv 1708.04552, who fill with the mean.
    """
    if not config.cutout:
        return images
    count, height, width, _ = images.shape
    rows = _covered(count, height, config.cutout, generator)
    columns = _covered(count, width, config.cutout, generator)
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[..., None], GRAY)


def _covered(count: int, side: int, size: int, generator: torch.Generator) -> Tensor:
    """The part of one axis that the square covers: bool N×side."""
    first = torch.randint(0, side, (count, 1), generator=generator, device=generator.device) - size // 2
    place = torch.arange(side, device=generator.device)
    return (place >= first) & (place < first + size)
