"""Displacement by whole pixels with mirroring, as one gather of pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from podium.config import AugmentConfig
from podium.training.augment.affine import resamples
from podium.training.augment.flip import signs
from podium.training.augment.samples import Samples


def displace(images: Tensor, config: AugmentConfig, generator: torch.Generator, samples: Samples | None) -> Tensor:
    """Shift or crop, and mirror, unless ``affine`` has done so already.

    ``shift`` repeats the nearest pixel of the border; ``crop`` mirrors the image at it, as cropping a padded image
    does (He et al. 2015, section 4.2, who pad with zeros).
    """
    moved = resamples(config)
    if moved and not config.crop:
        return images
    if not config.shift and not config.crop:
        return _flip(images, config, generator, samples) if config.flip else images
    count, height, width, _ = images.shape
    rows = _pixels(count, height, config, generator)
    columns = _pixels(count, width, config, generator)
    if not moved:
        mirrored = signs(count, config, generator, samples) < 0
        columns = torch.where(mirrored[:, None], width - 1 - columns, columns)
    return gather(images, rows[:, :, None] * width + columns[:, None, :])


def gather(images: Tensor, index: Tensor) -> Tensor:
    """Move pixels. ``index`` (int64 N×H×W) says which pixel of its image, counted by rows, comes to each place."""
    count, height, width, _ = images.shape
    index = index + torch.arange(count, device=images.device)[:, None, None] * (height * width)
    return images.reshape(-1, 3).index_select(0, index.reshape(-1)).reshape(images.shape)


def _flip(images: Tensor, config: AugmentConfig, generator: torch.Generator, samples: Samples | None) -> Tensor:
    mirrored = signs(len(images), config, generator, samples) < 0
    return torch.where(mirrored[:, None, None, None], images.flip(2), images)


def _pixels(count: int, side: int, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Source coordinates along one axis: N×side, within the image."""
    limit = config.crop or int(config.shift * side)
    offset = torch.randint(-limit, limit + 1, (count, 1), generator=generator, device=generator.device)
    place = torch.arange(side, device=generator.device) + offset
    return reflect(place, side) if config.crop else place.clamp_(0, side - 1)


def reflect(place: Tensor, side: int) -> Tensor:
    """Coordinates mirrored at the centres of the outer pixels, as often as needed: -1 → 1, ``side`` → ``side`` - 2."""
    period = max(1, 2 * (side - 1))
    place = place.remainder(period)
    return torch.minimum(place, period - place) if side > 1 else place
