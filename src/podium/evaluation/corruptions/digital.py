"""What computers do to images."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from podium.evaluation.corruptions.registry import Draws, Images, at, corruption, scale

_KEPT = 1.0
"""Of a displacement's Gaussian filter, in pixels: not below, or nothing is smoothed."""


@corruption("digital")
def pixelate(images: Images, severity: int, _draws: Draws) -> Images:
    """Make smaller, and large again."""
    share = at(severity, 0.95, 0.85, 0.65)
    height, width = images.shape[1:3]
    small = max(1, int(width * share)), max(1, int(height * share))

    def change(image: Image.Image) -> Image.Image:
        return image.resize(small, Image.Resampling.BOX).resize((width, height), Image.Resampling.BOX)

    return _by_pillow(images, change)


@corruption("digital")
def jpeg(images: Images, severity: int, _draws: Draws) -> Images:
    """Compress and decompress."""
    quality = int(at(severity, 80, 58, 40))

    def change(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer)

    return _by_pillow(images, change)


@corruption("digital")
def elastic(images: Images, severity: int, draws: Draws) -> Images:
    """Shear and move by a random affine map, and from severity 3 on bend (Simard et al. 2003)."""
    count, height, width, _ = images.shape
    factor = scale(images)
    bend, smooth = at(severity, 0, 2.56, 3.2) * factor, max(_KEPT, at(severity, 1, 1.92, 0.96) * factor)
    random = draws.uniform(6 + 2 * height * width).astype(np.float64) * 2 - 1
    fields = random[:, 6:].reshape(count, 2, height, width)
    fields = ndimage.gaussian_filter(fields, (0, 0, smooth, smooth), mode="reflect", truncate=3) * bend
    middle, third = np.array([height // 2, width // 2]), min(height, width) // 3 or 1
    corners = middle + third * np.array([[1, 1], [1, -1], [-1, -1]])
    moved = corners + random[:, :6].reshape(count, 3, 2) * at(severity, 2.56, 1.92, 0.96) * factor
    ones = np.ones((count, 3, 1))
    maps = np.linalg.solve(np.concatenate([moved, ones], 2), np.broadcast_to(corners.astype(float), moved.shape))
    grid = np.stack([*np.mgrid[:height, :width], np.ones((height, width))], axis=-1)  # H×W×3
    sources = np.einsum("hwk,nkj->njhw", grid, maps) + fields
    changed = np.empty_like(images)
    for place, channel in np.ndindex(count, 3):
        ndimage.map_coordinates(
            images[place, ..., channel], sources[place], changed[place, ..., channel], order=1, mode="mirror"
        )
    return changed


def _by_pillow(images: Images, change: Callable[[Image.Image], Image.Image]) -> Images:
    bytes_: NDArray[np.uint8] = np.rint(images * 255).astype(np.uint8)
    return np.stack([np.asarray(change(Image.fromarray(one)), np.float32) for one in bytes_]) / np.float32(255)
