"""Random changes to a batch of images: batched, on the device, per sample, drawn from an explicit generator.

A new kind of change is one file with one function, and its line in ``STAGES``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from podium.config import AugmentConfig
from podium.training.augment.affine import affine
from podium.training.augment.cutout import cutout
from podium.training.augment.displace import displace
from podium.training.augment.mixup import mix
from podium.training.augment.rand_augment import rand_augment
from podium.training.augment.samples import Samples

__all__ = ["STAGES", "Samples", "augment_batch", "mix"]

Stage = Callable[[Tensor, AugmentConfig, torch.Generator, Samples | None], Tensor]

STAGES: tuple[Stage, ...] = (affine, displace, rand_augment, cutout)
"""In the order in which they are applied; each gives the images as they are where ``config`` does not ask for it."""


def augment_batch(
    images: Tensor, config: AugmentConfig, generator: torch.Generator, samples: Samples | None = None
) -> Tensor:
    """Change each image at random, as ``config`` asks. Images and targets are mixed later, by ``mix``.

    Args:
        images: uint8 N×H×W×3.
        config: Which changes, how strong.
        generator: On the device of ``images``; the result follows from it (and from ``samples``).
        samples: Which images these are; needed for ``flip: alternating``.

    Returns:
        uint8 N×H×W×3; ``images`` itself where ``config`` asks for nothing.

    Raises:
        ValueError: ``samples`` is missing where it is needed.
    """
    for stage in STAGES:
        images = stage(images, config, generator, samples)
    return images
