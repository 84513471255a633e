"""Which images are mirrored; the mirroring itself is part of the change of place that an image undergoes anyway."""

from __future__ import annotations

import torch
from torch import Tensor

from podium.config import AugmentConfig
from podium.training.augment.samples import Samples


def signs(count: int, config: AugmentConfig, generator: torch.Generator, samples: Samples | None) -> Tensor:
    """float32 N: -1 where an image is mirrored, 1 elsewhere.

    ``alternating`` mirrors a pseudo-random half of the data set in odd epochs and the other half in even ones, so that
    two epochs show each image both ways (Jordan 2024, arXiv 2404.00498, section 3.6).

    Raises:
        ValueError: ``alternating`` without ``samples``.
    """
    if config.flip is False:
        return torch.ones(count, device=generator.device)
    if config.flip is True:
        return torch.randint(0, 2, (count,), generator=generator, device=generator.device) * 2.0 - 1
    if samples is None:
        raise ValueError("flip: alternating needs to know which images a batch is made of")
    return torch.where(samples.halves() ^ (samples.epoch % 2 == 0), -1.0, 1.0)
