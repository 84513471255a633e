"""One number an image for each statistic of its pixels."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_BLOCK: Final = 1 << 21
"""Pixels converted to floating point at a time: some 100 MB."""


@dataclass(frozen=True)
class PixelStatistic:
    """A statistic of single images; ``more`` and ``less`` say what its growth and fall look like."""

    title: str
    more: str
    less: str


PIXEL_STATISTICS: Final[dict[str, PixelStatistic]] = {
    "brightness": PixelStatistic("brightness", "brighter", "darker"),
    "contrast": PixelStatistic("contrast", "more contrast", "less contrast"),
    "red": PixelStatistic("red", "more red", "less red"),
    "green": PixelStatistic("green", "more green", "less green"),
    "blue": PixelStatistic("blue", "more blue", "less blue"),
    "saturation": PixelStatistic("saturation", "more saturated", "less saturated"),
    "sharpness": PixelStatistic("sharpness", "sharper", "blurrier"),
    "noise": PixelStatistic("noise", "noisier", "smoother"),
}
"""In the order of reports.

- brightness: mean luma (ITU-R BT.601), on [0, 1].
- contrast: standard deviation of luma (RMS contrast, Peli 1990).
- red, green, blue: mean of the channel, on [0, 1].
- saturation: mean of (max - min) / max over the channels, 0 for black (HSV).
- sharpness: variance of the 4-neighbour Laplacian of luma (Pech-Pacheco et al. 2000).
- noise: standard deviation of the noise after Immerkær (1996), from a mask that cancels structure.
"""


def pixel_statistics(
    images: NDArray[np.uint8], only: Collection[str] = tuple(PIXEL_STATISTICS)
) -> dict[str, NDArray[np.float64]]:
    """Compute some of ``PIXEL_STATISTICS``, all unless named.

    Args:
        images: uint8 N×H×W×3, RGB; sides of at least 3 pixels.
        only: Their names.

    Returns:
        For each statistic float64 N; sharpness and noise are 0 for images with a side below 3 pixels.
    """
    table = {name: np.empty(len(images), np.float64) for name in PIXEL_STATISTICS if name in only}
    step = max(1, _BLOCK // max(1, images.shape[1] * images.shape[2]))
    for start in range(0, len(images), step):
        rows = slice(start, start + step)
        rgb = np.asarray(images[rows]).astype(np.float32) / 255
        luma = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
        for name, values in table.items():
            values[rows] = _MEASURES[name](rgb, luma)
    return table


def _mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
    return values.mean(axis=(1, 2), dtype=np.float64)


def _saturation(rgb: NDArray[np.floating]) -> NDArray[np.float64]:
    highest = rgb.max(axis=3)
    spread = highest - rgb.min(axis=3)
    return _mean(np.divide(spread, highest, out=np.zeros_like(spread), where=highest > 0))


def _sharpness(luma: NDArray[np.floating]) -> NDArray[np.float64]:
    if min(luma.shape[1:]) < 3:
        return np.zeros(len(luma))
    sides = luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1] + luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:]
    laplacian = sides - 4 * luma[:, 1:-1, 1:-1]
    return laplacian.var(axis=(1, 2), dtype=np.float64)


def _noise(luma: NDArray[np.floating]) -> NDArray[np.float64]:
    """Immerkær's estimate: √(π/2) times the mean absolute response of [1 -2 1; -2 4 -2; 1 -2 1], over 6."""
    if min(luma.shape[1:]) < 3:
        return np.zeros(len(luma))
    across = luma[:, :, :-2] - 2 * luma[:, :, 1:-1] + luma[:, :, 2:]
    response = across[:, :-2] - 2 * across[:, 1:-1] + across[:, 2:]
    return np.sqrt(np.pi / 2) * np.abs(response).mean(axis=(1, 2), dtype=np.float64) / 6


_MEASURES: Final[dict[str, Callable[[NDArray[np.floating], NDArray[np.floating]], NDArray[np.float64]]]] = {
    "brightness": lambda _, luma: _mean(luma),
    "contrast": lambda _, luma: luma.std(axis=(1, 2), dtype=np.float64),
    "red": lambda rgb, _: _mean(rgb[..., 0]),
    "green": lambda rgb, _: _mean(rgb[..., 1]),
    "blue": lambda rgb, _: _mean(rgb[..., 2]),
    "saturation": lambda rgb, _: _saturation(rgb),
    "sharpness": lambda _, luma: _sharpness(luma),
    "noise": lambda _, luma: _noise(luma),
}
"""From a block of images on [0, 1] and its luma."""
