"""Random changes to a batch of images: batched, on the device, per sample, drawn from an explicit generator."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from podium.config import AugmentConfig


def augment_batch(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Flip, rotate, zoom and shift each image at random.

    What moves in from outside repeats the nearest pixel of the border. Without rotation and zoom, shifts are
    whole pixels, so that nothing is blurred.

    Args:
        images: uint8 N×H×W×3.
        config: Which changes, how strong.
        generator: On the device of ``images``; the result follows from it.

    Returns:
        uint8 N×H×W×3; ``images`` itself where ``config`` asks for nothing.
    """
    if config.rotation or config.zoom:
        return _affine(images, config, generator)
    if config.shift:
        return _shift(images, config, generator)
    return _flip(images, generator) if config.flip else images


def _symmetric(count: int, limit: float, generator: torch.Generator) -> Tensor:
    """``count`` values drawn uniformly from [-limit, limit]."""
    return (torch.rand(count, generator=generator, device=generator.device) * 2 - 1) * limit


def _signs(count: int, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """-1 where an image is mirrored, 1 elsewhere."""
    if not config.flip:
        return torch.ones(count, device=generator.device)
    return torch.randint(0, 2, (count,), generator=generator, device=generator.device) * 2.0 - 1


def _flip(images: Tensor, generator: torch.Generator) -> Tensor:
    mirrored = _signs(len(images), AugmentConfig(flip=True), generator) < 0
    return torch.where(mirrored[:, None, None, None], images.flip(2), images)


def _shift(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Whole-pixel displacement with optional mirroring, as one gather of pixels."""
    count, height, width, _ = images.shape
    rows = _pixels(count, height, config.shift, generator)
    columns = _pixels(count, width, config.shift, generator)
    mirrored = _signs(count, config, generator) < 0
    columns = torch.where(mirrored[:, None], width - 1 - columns, columns)
    index = (rows[:, :, None] * width + columns[:, None, :]).reshape(count, -1)
    index += torch.arange(count, device=images.device)[:, None] * (height * width)
    return images.reshape(-1, 3).index_select(0, index.reshape(-1)).reshape(images.shape)


def _pixels(count: int, side: int, shift: float, generator: torch.Generator) -> Tensor:
    """Source coordinates along one axis: N×side, clamped to the image."""
    limit = int(shift * side)
    offset = torch.randint(-limit, limit + 1, (count, 1), generator=generator, device=generator.device)
    return (torch.arange(side, device=generator.device) + offset).clamp_(0, side - 1)


def _affine(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """All changes as one bilinear resampling."""
    count, height, width, _ = images.shape
    angle = _symmetric(count, math.radians(config.rotation), generator)
    scale = 1 / (1 + _symmetric(count, config.zoom, generator))
    sign = _signs(count, config, generator)
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
