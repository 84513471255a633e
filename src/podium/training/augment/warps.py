"""Operations on geometry for RandAugment: each image by its own map, nearest pixel, gray from outside."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from podium.training.augment.cutout import GRAY
from podium.training.augment.displace import gather

SHEAR = 0.3
TRANSLATE = 150 / 331
"""Of the side."""
ROTATE = math.radians(30)


def shear_x(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Move rows sideways in proportion to their distance from the middle."""
    one, zero = torch.ones_like(signs), torch.zeros_like(signs)
    return _warp(images, (one, SHEAR * strength * signs, zero), (zero, one, zero))


def shear_y(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Move columns up or down in proportion to their distance from the middle."""
    one, zero = torch.ones_like(signs), torch.zeros_like(signs)
    return _warp(images, (one, zero, zero), (SHEAR * strength * signs, one, zero))


def translate_x(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Move sideways by whole pixels."""
    one, zero = torch.ones_like(signs), torch.zeros_like(signs)
    pixels = int(TRANSLATE * strength * images.shape[2])
    return _warp(images, (one, zero, pixels * signs), (zero, one, zero))


def translate_y(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Move up or down by whole pixels."""
    one, zero = torch.ones_like(signs), torch.zeros_like(signs)
    pixels = int(TRANSLATE * strength * images.shape[1])
    return _warp(images, (one, zero, zero), (zero, one, pixels * signs))


def rotate(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Turn about the middle."""
    angle = ROTATE * strength * signs
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros_like(signs)
    return _warp(images, (cos, -sin, zero), (sin, cos, zero))


WARPS = {
    "shear_x": shear_x,
    "shear_y": shear_y,
    "translate_x": translate_x,
    "translate_y": translate_y,
    "rotate": rotate,
}


def _warp(images: Tensor, x: tuple[Tensor, ...], y: tuple[Tensor, ...]) -> Tensor:
    """Fetch each pixel from (x·(column, row, 1), y·(column, row, 1)), counted from the middle of the image."""
    _, height, width, _ = images.shape
    column = (torch.arange(width, device=images.device) - (width - 1) / 2)[None, None, :]
    row = (torch.arange(height, device=images.device) - (height - 1) / 2)[None, :, None]
    from_column, from_row = (
        (a[:, None, None] * column + b[:, None, None] * row + c[:, None, None] + side / 2).floor_().to(torch.int64)
        for (a, b, c), side in ((x, width), (y, height))
    )
    outside = (from_column < 0) | (from_column >= width) | (from_row < 0) | (from_row >= height)
    index = from_row.clamp_(0, height - 1) * width + from_column.clamp_(0, width - 1)
    return gather(images, index).masked_fill_(outside[..., None], GRAY)
