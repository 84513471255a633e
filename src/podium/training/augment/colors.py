"""Operations on color for RandAugment, to the rounding as Pillow's."""

from __future__ import annotations

import torch
from torch import Tensor

ENHANCE = 0.9
"""Largest change of an enhancement's factor from 1."""
BITS = 4
"""Most bits that posterizing takes away."""


def brightness(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Blend with black, or away from it."""
    return _blend(torch.zeros((), device=images.device), images, strength, signs)


def color(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Blend with the gray image, or away from it."""
    return _blend(_gray(images), images, strength, signs)


def contrast(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Blend with an even gray of the image's mean, or away from it."""
    mean = (_gray(images).mean((1, 2, 3), keepdim=True, dtype=torch.float64) + 0.5).floor_().to(torch.float32)
    return _blend(mean, images, strength, signs)


def sharpness(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Blend with a smoothed image (3×3, the center weighs 5 of 13; the border as it is), or away from it."""
    pixels = images.to(torch.int32)
    rows = pixels[:, :-2] + pixels[:, 1:-1] + pixels[:, 2:]
    sums = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] + 4 * pixels[:, 1:-1, 1:-1]
    smooth = pixels.clone()
    smooth[:, 1:-1, 1:-1] = torch.div(2 * sums + 13, 26, rounding_mode="floor")
    return _blend(smooth, images, strength, signs)


def posterize(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Clear the lowest bits."""
    return images & (256 - (1 << round(BITS * strength)))


def solarize(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Invert values from a threshold up."""
    return torch.where(images >= 255 * (1 - strength), 255 - images, images)


def auto_contrast(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Stretch each channel to the full range."""
    low, high = images.amin((1, 2), keepdim=True), images.amax((1, 2), keepdim=True)
    span = (high.to(torch.float64) - low).clamp_(min=1)
    scale = torch.full_like(span, 255) / span  # a number over a tensor would be rounded twice
    stretched = (images * scale - low * scale).clamp_(0, 255).to(torch.uint8)
    return torch.where(high > low, stretched, images)


def equalize(images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """Map each channel's values so that they are spread as evenly as may be."""
    count, height, width, channels = images.shape
    table = torch.arange(count * channels, device=images.device).reshape(count, 1, 1, channels) * 256
    place = (table + images).reshape(-1)
    histogram = torch.bincount(place, minlength=count * channels * 256).reshape(-1, 256)
    last = histogram.gather(1, images.amax((1, 2)).reshape(-1, 1).to(torch.int64))
    step = torch.div(height * width - last, 255, rounding_mode="floor")
    below = histogram.cumsum(1) - histogram
    even = torch.div(below + step // 2, step.clamp(min=1), rounding_mode="floor").clamp_(max=255)
    lookup = torch.where(step > 0, even, torch.arange(256, device=images.device)).to(torch.uint8)
    return lookup.reshape(-1)[place].reshape(images.shape)


COLORS = {
    "brightness": brightness,
    "color": color,
    "contrast": contrast,
    "sharpness": sharpness,
    "posterize": posterize,
    "solarize": solarize,
    "auto_contrast": auto_contrast,
    "equalize": equalize,
}


def _gray(images: Tensor) -> Tensor:
    """int32 N×H×W×1 by ITU-R BT.601, rounded as Pillow's mode L."""
    red, green, blue = images.to(torch.int32).split(1, dim=3)
    return (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16


def _blend(plain: Tensor, images: Tensor, strength: float, signs: Tensor) -> Tensor:
    """``plain`` at factor 0, ``images`` at 1, beyond them above it: the factor is 1 ± the strength."""
    factor = (1 + ENHANCE * strength * signs)[:, None, None, None]
    return (plain + factor * (images - plain)).clamp_(0, 255).to(torch.uint8)
