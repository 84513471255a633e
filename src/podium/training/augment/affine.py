"""Rotation and zoom, with shift and mirroring, as one bilinear resampling."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from podium.config import AugmentConfig
from podium.kernels import images as kernel
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
    by_column = torch.stack([cos * sign, sin * sign * (width / height)], 1)
    by_row = torch.stack([-sin * (height / width), cos], 1)
    moved = torch.stack([2 * _symmetric(count, config.shift, generator) for _ in range(2)], 1)
    if kernel.wanted(images):
        return kernel.resample(images, torch.stack([by_column, by_row, moved], 2).view(count, 6))
    return _resampled(images, by_column, by_row, moved)


def _resampled(images: Tensor, by_column: Tensor, by_row: Tensor, moved: Tensor) -> Tensor:
    """Pixels at ``by_column * x + by_row * y + moved``, N×2 each, with x and y from -1 to 1."""
    _, height, width, _ = images.shape
    rows = torch.addcmul(moved[:, :, None], by_row[:, :, None], _places(height, images.device))
    places = torch.addcmul(rows[..., None], by_column[..., None, None], _places(width, images.device))
    grid = places.permute(0, 2, 3, 1)  # ``affine_grid`` would take a matrix product for each image
    pixels = images.permute(0, 3, 1, 2).to(torch.float32)
    found = functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def resamples(config: AugmentConfig) -> bool:
    """Whether pixels come to lie between pixels."""
    return config.rotation > 0 or config.zoom > 0


def _places(count: int, device: torch.device) -> Tensor:
    """Centers of ``count`` pixels in an image that reaches from -1 to 1."""
    return (torch.arange(count, dtype=torch.float32, device=device) * 2 + 1) / count - 1


def _symmetric(count: int, limit: float, generator: torch.Generator) -> Tensor:
    """``count`` values drawn uniformly from [-limit, limit]."""
    return (torch.rand(count, generator=generator, device=generator.device) * 2 - 1) * limit
