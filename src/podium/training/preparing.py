"""What happens once, before the first step: a network is fitted to training images, and its speed is measured."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from podium.bundle import Bundle
from podium.config import Candidate
from podium.errors import WeightsError
from podium.models import family_of
from podium.training.feed import Feed
from podium.training.inputs import Normalizer

PREPARE_IMAGES: Final = 5000
PREPARE_BYTES: Final = 256 << 20
"""Bounds of the sample that a family's ``prepare`` is shown, as float32."""


def prepare_network(
    net: nn.Module, candidate: Candidate, feed: Feed, normalize: Normalizer, start: Path | None
) -> None:
    """Let a network's family set what follows from training images, of which it is shown a seeded sample.

    With a bundle to start from, the network gets that one's weights instead; see ``start_from``.
    """
    if start is not None:
        start_from(net, start)
        return
    prepare = family_of(candidate.recipe.model).prepare
    if prepare is None:
        return
    values = first_images(feed, 1)[0].numel()
    images, _ = some_images(feed, min(PREPARE_IMAGES, max(1, PREPARE_BYTES // (4 * values))), seed=candidate.seed)
    with torch.no_grad():
        prepare(net, normalize(images))


def start_from(net: nn.Module, folder: Path) -> None:
    """Give a network all weights and statistics of a bundle.

    Raises:
        RegistryError: The bundle cannot be read.
        WeightsError: They are not this network's.
    """
    try:
        net.load_state_dict(Bundle.load(folder).state)
    except RuntimeError as error:
        raise WeightsError(
            f"{folder}: its weights are those of another network ({str(error).splitlines()[0]})",
            remedy="start from scratch: retraining.start: scratch",
        ) from None


def some_images(feed: Feed, count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Images (uint8 N×H×W×3) and labels drawn from a split: ``count`` of them, or all."""
    chosen = torch.randperm(len(feed), generator=torch.Generator().manual_seed(seed))[:count].sort().values
    with closing(feed.batches(chosen.to(feed.device), len(chosen))) as batches:
        batch = next(batches)
    return batch.images, batch.labels


def first_images(feed: Feed, count: int) -> tuple[Tensor, Tensor]:
    """``count`` images (uint8 N×H×W×3) and labels from the beginning of a split, which has as many."""
    with closing(feed.batches(torch.arange(count, device=feed.device), count)) as batches:
        batch = next(batches)
    return batch.images, batch.labels
