"""Light and weather: what the paper counts as weather, and contrast and saturation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from podium.evaluation.corruptions.registry import Draws, Images, at, corruption


@corruption("light")
def fog(images: Images, severity: int, draws: Draws) -> Images:
    """Add uneven brightness and restore the range."""
    strength = np.float32(at(severity, 0.2, 0.75, 1.5))
    clouds = _clouds(draws, images.shape[1], images.shape[2], at(severity, 3, 2.5, 1.75))
    brightest = images.max(axis=(1, 2, 3), keepdims=True)
    return (images + strength * clouds[..., None]) * brightest / (brightest + strength)


def _clouds(draws: Draws, height: int, width: int, decay: float) -> NDArray[np.float32]:
    """Random surfaces on [0, 1], N×H×W, each octave weaker: midpoint displacement (Fournier et al. 1982)."""
    octaves = max(2, int(np.ceil(np.log2(max(height, width)))))
    random = draws.each(
        lambda rng, _: np.concatenate([rng.random(4**k, np.float32) for k in range(1, octaves + 1)]) * 2 - 1
    )
    surface = np.zeros((len(random), 1, 1), np.float32)
    start = 0
    for k in range(1, octaves + 1):
        side = 2**k
        finer = ndimage.zoom(surface, (1, 2, 2), order=1, mode="nearest", grid_mode=True)
        surface = finer + random[:, start : start + side * side].reshape(-1, side, side) * np.float32(decay**-k)
        start += side * side
    shown = surface[:, :height, :width]
    low, high = shown.min(axis=(1, 2), keepdims=True), shown.max(axis=(1, 2), keepdims=True)
    return (shown - low) / np.maximum(high - low, np.finfo(np.float32).tiny)


@corruption("light")
def brightness(images: Images, severity: int, _draws: Draws) -> Images:
    """Raise the value of HSV; hue and saturation stay."""
    value = images.max(axis=3, keepdims=True)
    raised = np.minimum(value + np.float32(at(severity, 0.05, 0.15, 0.3)), 1)
    return np.where(value > 0, images * (raised / np.maximum(value, 1e-6)), raised)


@corruption("light")
def contrast(images: Images, severity: int, _draws: Draws) -> Images:
    """Bring values nearer to the mean of their image and channel."""
    means = images.mean(axis=(1, 2), keepdims=True)
    return (images - means) * np.float32(at(severity, 0.75, 0.4, 0.15)) + means


@corruption("light")
def saturation(images: Images, severity: int, _draws: Draws) -> Images:
    """Change the saturation of HSV: nearly gray at severity 1, glaring above; hue and value stay, gray stays gray."""
    factor, added = at(severity, 0.3, 1.5, 2.5), at(severity, 0, 0, 0.2)
    value = images.max(axis=3, keepdims=True)
    spread = value - images.min(axis=3, keepdims=True)
    before = spread / np.maximum(value, 1e-6)
    after = np.clip(before * np.float32(factor) + np.float32(added), 0, 1)
    return value - (value - images) * np.where(spread > 0, after / np.maximum(before, 1e-6), 0)
