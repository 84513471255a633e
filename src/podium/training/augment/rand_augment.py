"""RandAugment: a few operations of one strength for each image (Cubuk et al. 2019, arXiv 1909.13719)."""

from __future__ import annotations

import torch
from torch import Tensor

from podium.config import AugmentConfig
from podium.training.augment.colors import COLORS
from podium.training.augment.samples import Samples
from podium.training.augment.warps import WARPS

OPERATIONS = {"identity": None, **COLORS, **WARPS}
"""Each takes images (uint8 N×H×W×3), a strength in [0, 1] and signs (float32 N: -1 or 1) to uint8 N×H×W×3."""
STRONGEST = 30


def rand_augment(images: Tensor, config: AugmentConfig, generator: torch.Generator, samples: Samples | None) -> Tensor:
    """Apply operations drawn for each image, one after the other; images with the same one are changed together.

    The operations and their strengths are those of the paper (as in torchvision); what moves in is gray.
    """
    settings = config.rand_augment
    if settings is None:
        return images
    shape = settings.operations, len(images)
    drawn = torch.randint(0, len(OPERATIONS), shape, generator=generator, device=generator.device).cpu()
    signs = torch.randint(0, 2, shape, generator=generator, device=generator.device) * 2.0 - 1
    result = images.clone()
    for chosen, sign in zip(drawn, signs, strict=True):
        for number, operation in enumerate(OPERATIONS.values()):
            members = (chosen == number).nonzero()[:, 0].to(images.device)
            if operation is not None and len(members):
                result[members] = operation(result[members], settings.magnitude / STRONGEST, sign[members])
    return result
