"""Mixup: each image and its target blended with another of the batch (Zhang et al. 2017, arXiv 1710.09412)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor
from torch.nn import functional

from podium.config import AugmentConfig

QUANTILES = 4096


def mix(
    images: Tensor, labels: Tensor, classes: int, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Blend normalized images, and their targets in the same proportion, which is drawn for each sample.

    Args:
        images: floating point N×3×H×W.
        labels: int64 N.
        classes: Number of classes C.
        config: ``mixup`` is the parameter of the Beta distribution that proportions come from.
        generator: On the device of ``images``.

    Returns:
        Images in the type and memory layout that they had, and targets as probabilities (float32 N×C) for
        ``cross_entropy``; both as they were, without ``mixup``.
    """
    if not config.mixup:
        return images, labels
    count = len(images)
    partner = torch.randperm(count, generator=generator, device=generator.device)
    quantile = torch.randint(0, QUANTILES, (count,), generator=generator, device=generator.device)
    share = torch.from_numpy(_beta(config.mixup)).to(images.device)[quantile]
    own = functional.one_hot(labels, classes).to(torch.float32)
    mixed = torch.lerp(images[partner], images, share.to(images.dtype)[:, None, None, None])
    return mixed, torch.lerp(own[partner], own, share[:, None])


@lru_cache
def _beta(alpha: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Quantiles of Beta(alpha, alpha), evenly spaced: torch has no Beta that draws from a generator."""
    middles = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return betaincinv(alpha, alpha, middles).astype(np.float32)
