"""Rotation and zoom, with shift and mirroring, as one bilinear resampling."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from podium.config import AugmentConfig
from podium.training.augment.flip import signs
from podium.training.augment.samples import Samples


def affine(images: Tensor, config: AugmentConfig, generator: torch.Generator, samples: Samples | None) -> Tensor:
    """Rotate, zoom, shift and mirror; what moves in from outside repeats the nearest pixel of the border.

    Nothing is done without rotation or zoom: ``displace`` then moves whole pixels, which blurs nothing.
    """
    if not resamples(config):
        return images
    count, height, width, _ = images.shape
    angle = _symmetric(count, math.radians(config.rotation), generator)
    scale = 1 / (1 + _symmetric(count, config.zoom, generator))
    sign = signs(count, config, generator, samples)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.empty(count, 2, 3, device=images.device)
    theta[:, 0, 0], theta[:, 0, 1] = cos * sign, -sin * (height / width)
    theta[:, 1, 0], theta[:, 1, 1] = sin * sign * (width / height), cos
    theta[:, 0, 2] = 2 * _symmetric(count, config.shift, generator)
    theta[:, 1, 2] = 2 * _symmetric(count, config.shift, generator)
    grid = functional.affine_grid(theta, [count, 3, height, width], align_corners=False)
    pixels = images.permute(0, 3, 1, 2).to(torch.float32)
    moved = functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return moved.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def resamples(config: AugmentConfig) -> bool:
    """Whether pixels come to lie between pixels."""
    return config.rotation > 0 or config.zoom > 0


def _symmetric(count: int, limit: float, generator: torch.Generator) -> Tensor:
    """``count`` values drawn uniformly from [-limit, limit]."""
    return (torch.rand(count, generator=generator, device=generator.device) * 2 - 1) * limit
