"""What happens once, before the first step: a network is fitted to training images, and its speed is measured."""

from __future__ import annotations

from contextlib import closing
from typing import Final

import torch
from torch import Tensor, nn

from podium.config import ModelConfig
from podium.models import family_of
from podium.training.feed import Feed
from podium.training.inputs import Normalizer

PREPARE_IMAGES: Final = 5000
PREPARE_BYTES: Final = 256 << 20
"""Bounds of the sample that a family's ``prepare`` is shown, as float32."""


def prepare_network(net: nn.Module, model: ModelConfig, feed: Feed, normalize: Normalizer, *, seed: int) -> None:
    """Let a network's family set what follows from training images, of which it is shown a seeded sample."""
    prepare = family_of(model).prepare
    if prepare is None:
        return
    values = first_images(feed, 1)[0].numel()
    images, _ = some_images(feed, min(PREPARE_IMAGES, max(1, PREPARE_BYTES // (4 * values))), seed=seed)
    with torch.no_grad():
        prepare(net, normalize(images))


def some_images(feed: Feed, count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Images (uint8 N×H×W×3) and labels drawn from a split: ``count`` of them, or all."""
    chosen = torch.randperm(len(feed), generator=torch.Generator().manual_seed(seed))[:count].sort().values
    with closing(feed.batches(chosen.to(feed.device), len(chosen))) as batches:
        batch = next(batches)
    return batch.images, batch.labels


def first_images(feed: Feed, count: int) -> tuple[Tensor, Tensor]:
    """Images (uint8 N×H×W×3) and labels from the beginning of a split, over again where it has fewer than ``count``."""
    with closing(feed.batches(torch.arange(count, device=feed.device) % len(feed), count)) as batches:
        batch = next(batches)
    return batch.images, batch.labels
