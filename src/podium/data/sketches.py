"""What the search for near duplicates looks at first: a mark of 40 bytes an image, in a temporary file.

A mark is the hash, the image's number, and a sketch of its thumbnail: means over blocks of cells, and a bound on the
contrast. Means differ no more than what they are of, so nearly all unrelated pairs are known by their sketches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Marks = NDArray[np.uint8]
"""N×``MARK``: hash (uint64, the highest byte first), number (int32), contrast, three bytes of nothing, means."""

MARK: Final = 40
_NUMBER, _CONTRAST, _MEANS = slice(8, 12), 12, slice(16, MARK)
_GRAY_MEANS, _GRAY_CELLS = 16, 9
"""Means of luminance, and the cells that each is of."""
_COLOR_MEANS, _COLOR_CELLS = 8, 4
_CONTRAST_UNIT: Final = 0.05
_SLACK: Final = 1.0
"""For rounding; a mean is rounded by at most ½, a difference of two by 1, and the norm of n such by the root of n."""


@dataclass(frozen=True)
class Sketches:
    """Of M images."""

    means: NDArray[np.uint8]
    """M×24."""
    contrast: NDArray[np.uint8]
    """M: at least the contrast, in parts of ``_CONTRAST_UNIT``."""

    def __getitem__(self, index: slice | NDArray[np.int32]) -> Sketches:
        return Sketches(self.means[index], self.contrast[index])


def mark(
    hashes: NDArray[np.uint8], first: int, gray: NDArray[np.uint8], color: NDArray[np.uint8], root: NDArray[np.float32]
) -> Marks:
    """Mark some images.

    Args:
        hashes: uint8, M×8.
        first: Number of the first of them.
        gray: Luminance of the thumbnails, M×144.
        color: Colour differences, M×32.
        root: Of the contrast, M.
    """
    marks = np.zeros((len(hashes), MARK), np.uint8)
    marks[:, :8] = hashes
    marks[:, _NUMBER] = np.arange(first, first + len(marks), dtype=np.int32)[:, None].view(np.uint8)
    marks[:, _CONTRAST] = np.ceil(root / _CONTRAST_UNIT) + 1
    marks[:, _MEANS] = _means(gray, color)
    return marks


def hashes_of(marks: Marks) -> NDArray[np.uint64]:
    """The hashes, as numbers: in their order, what shares the lowest frequencies is near."""
    return np.ascontiguousarray(marks[:, :8]).view(">u8").ravel().astype(np.uint64)


def numbers_of(marks: Marks) -> NDArray[np.int32]:
    """Which images they are of."""
    return np.ascontiguousarray(marks[:, _NUMBER]).view(np.int32).ravel()


def sketches_of(marks: Marks) -> Sketches:
    """The rest."""
    return Sketches(np.ascontiguousarray(marks[:, _MEANS]), np.ascontiguousarray(marks[:, _CONTRAST]))


def may_be_near(left: Sketches, right: Sketches, raw: float, color: float) -> NDArray[np.bool_]:
    """Whether the sketches of M pairs leave open that the thumbnails are near: bool, M.

    Args:
        left: M.
        right: M.
        raw: Greatest standard deviation of the difference in luminance, over the contrast.
        color: Greatest root mean square of the difference in colour.
    """
    apart = np.subtract(left.means, right.means, dtype=np.float32)
    gray, tint = apart[:, :_GRAY_MEANS], apart[:, _GRAY_MEANS:]
    # The norm of the means' difference times the root of a block's cells is at most that of the cells' difference.
    color_limit = color * np.sqrt(_COLOR_MEANS) + np.sqrt(_COLOR_MEANS)
    possible = np.vecdot(tint, tint) <= color_limit**2 + _SLACK
    total = gray.sum(axis=1)
    spread = np.vecdot(gray, gray) - total * total / _GRAY_MEANS
    contrast = np.multiply(left.contrast, right.contrast, dtype=np.float32) * _CONTRAST_UNIT**2
    limit = raw * np.sqrt(_GRAY_MEANS) * contrast
    return possible & (spread <= (limit + np.sqrt(_GRAY_MEANS)) ** 2 + _SLACK)


def _means(gray: NDArray[np.uint8], color: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of luminance over 3×3 cells and of the colour differences over 2×2, to the nearest number: uint8, M×24."""
    parts = (gray, _blocks(12, 3)), (color[:, :16], _blocks(4, 2)), (color[:, 16:], _blocks(4, 2))
    sums = np.concatenate([cells.astype(np.float32) @ blocks for cells, blocks in parts], axis=1)
    cells = np.repeat([_GRAY_CELLS, _COLOR_CELLS], [_GRAY_MEANS, _COLOR_MEANS])
    return ((sums.astype(np.int64) + cells // 2) // cells).astype(np.uint8)


@cache
def _blocks(side: int, block: int) -> NDArray[np.float32]:
    """side² × (side / block)²: which cells of a square each of its blocks has."""
    one = np.repeat(np.eye(side // block, dtype=np.float32), block, axis=0)
    return np.kron(one, one)
