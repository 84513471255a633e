"""Whether two thumbnails show the same picture: registration by least squares, and a bound against chance.

The difference of two thumbnails is explained by brightness, contrast, a shift and a zoom (first-order registration:
Lucas & Kanade 1981); what remains, over the contrast, is the residual. How small it must be depends on the data set:
unrelated photographs hardly come near .3, and two ones in handwriting often do. So the bound is set a contrario
(Desolneux, Moisan & Morel 2000, "Meaningful alignments"): random pairs give the lower tail of the residuals, a power
law, and the bound is where the whole data set would be expected to have one false pair in 500 images.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.rows import FileRows, Rows, folder_of
from podium.data.sketches import MARK, Sketches, mark, may_be_near, sketches_of

GRID: Final = 12
"""Cells a side of the luminance; the two colour differences have 4 × 4 cells."""
THUMBNAIL: Final = GRID * GRID + 2 * 16
"""Bytes of a thumbnail: luminance, then red and blue difference to the mean (offset 128)."""

_LEAST, _MOST = 0.03, 0.16
"""Bounds of the bound: recompression alone gives up to .05, and beyond .16 even photographs are only alike."""
_TAIL, _TAIL_SIZE = 0.5, 500
"""The power law is fitted to the lowest residuals, so many at most, and all below ``_TAIL``."""
_FALSE_PAIRS: Final = 0.002
"""Expected false pairs an image, and at least one in all."""
_SAMPLE: Final = 400_000
_RAW: Final = 0.7
_COLOR: Final = 6.0
"""Root mean square of the difference in colour, in levels of 255."""
_REACH: Final = np.array([0.25, 24.0, 0.75, 0.75, 0.12, 0.12], np.float32)
"""The most that is explained: contrast, brightness in grey levels, shift in cells (2 pixels of 32), zoom."""
_CHUNK: Final = 8192
"""Pairs, or images, at a time."""
_REGISTERED: Final = 2048
"""Pairs that are registered at a time: 4 KB each."""


class Judge:
    """Compares thumbnails of one data set. They stay where they are; ``marks`` are in a temporary file beside them.

    Args:
        rows: uint8, N×184: a hash, and the thumbnail.

    Raises:
        OSError: The disk is full.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.marks = FileRows(len(rows), MARK, folder_of(rows))
        """Of all images, in their order: what need not be compared is known by them."""
        for start in range(0, len(rows), _CHUNK):
            block = rows[start : start + _CHUNK]
            gray, color = _halves(block)
            self.marks.write(start, mark(block[:, :8], start, gray, color, _root(gray)))
        self.bound = _MOST
        """The residual up to which two thumbnails show the same picture."""
        self.bound = self._chance_bound(len(rows))

    def same(
        self, pairs: NDArray[np.int32], sketches: Sketches, left: NDArray[np.int32], right: NDArray[np.int32]
    ) -> NDArray[np.bool_]:
        """Tell of pairs of images whether they show the same picture: bool, M.

        Args:
            pairs: int32, M×2.
            sketches: Of these images, among others …
            left: … at these places, M …
            right: … and these.
        """
        found = np.zeros(len(pairs), bool)
        for start in range(0, len(pairs), _CHUNK):
            part = slice(start, start + _CHUNK)
            near = may_be_near(sketches[left[part]], sketches[right[part]], self._raw_bound(), _COLOR)
            found[part] = near
        close = np.flatnonzero(found)
        found[close] = self._registered(pairs[close]) <= self.bound
        return found

    def residuals(self, pairs: NDArray[np.int64]) -> NDArray[np.float32]:
        """The residual of each pair; infinite where the thumbnails are too different to be registered: float32, M."""
        out = np.full(len(pairs), np.inf, np.float32)
        for start in range(0, len(pairs), _CHUNK):
            some = pairs[start : start + _CHUNK]
            left, right = (sketches_of(self.marks[side]) for side in some.T)
            close = np.flatnonzero(may_be_near(left, right, self._raw_bound(), _COLOR))
            out[start + close] = self._registered(some[close])
        return out

    def _registered(self, pairs: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.float32]:
        """The residuals of pairs whose sketches are near: float32, M."""
        out = np.full(len(pairs), np.inf, np.float32)
        for start in range(0, len(pairs), _CHUNK):
            left, right = pairs[start : start + _CHUNK].T
            (gray, color), (gray_right, color_right) = _halves(self._rows[left]), _halves(self._rows[right])
            apart = np.subtract(color, color_right, dtype=np.float32)
            kept = np.flatnonzero(np.vecdot(apart, apart) <= _COLOR**2 * apart.shape[1])
            gray, gray_right = gray[kept], gray_right[kept]
            raw = _deviation(np.subtract(gray, gray_right, dtype=np.float32)) / (_root(gray) * _root(gray_right))
            near = np.flatnonzero(raw <= self._raw_bound())
            for first in range(0, len(near), _REGISTERED):
                some = near[first : first + _REGISTERED]
                a, b = gray[some].astype(np.float32), gray_right[some].astype(np.float32)
                out[start + kept[some]] = _register(a, b)
        return out

    def _raw_bound(self) -> float:
        """Registration removes at most three quarters of a difference: it need not be tried on greater ones."""
        return min(_RAW, 4.5 * self.bound)

    def _chance_bound(self, count: int) -> float:
        """Where the power law of random pairs predicts as many false pairs as are allowed."""
        total = count * (count - 1) // 2
        if total <= _SAMPLE:
            pairs = np.stack(np.triu_indices(count, 1), 1)
        else:
            rng = np.random.Generator(np.random.PCG64(0))
            pairs = rng.integers(0, count, (_SAMPLE, 2))
            pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        found = self.residuals(pairs)
        tail = np.maximum(np.sort(found[found < _TAIL])[:_TAIL_SIZE], 0.01)
        if not len(tail):
            return _MOST
        end = float(tail[-1]) if len(tail) == _TAIL_SIZE else _TAIL
        quarter = float(tail[len(tail) // 4])  # a quantile, since true duplicates may be among the lowest
        power = max(3.0, np.log(0.25) / np.log(min(quarter / end, 0.999))) if len(tail) >= 20 else 6.0
        expected = total * len(tail) / len(pairs)
        allowed = max(1.0, _FALSE_PAIRS * count)
        return float(np.clip(end * (allowed / expected) ** (1 / power), _LEAST, _MOST))


def _halves(rows: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Luminance (M×144) and colour differences (M×32) of thumbnails at the end of rows."""
    thumbnails = rows[:, rows.shape[1] - THUMBNAIL :]
    return thumbnails[:, : GRID * GRID], thumbnails[:, GRID * GRID :]


def _root(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The root of the contrast of each luminance thumbnail, of at least one grey level: float32, M, from 1 to 11.3."""
    return np.sqrt(np.maximum(_deviation(gray.astype(np.float32)), 1))


def _deviation(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    """The standard deviation of each row of whole numbers up to 255 (float32, M×144): their sums are exact."""
    mean = gray.mean(axis=1)
    return np.sqrt(np.maximum(np.vecdot(gray, gray) / np.float32(gray.shape[1]) - mean * mean, 0))


def _contrast(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """The geometric mean of two standard deviations, at least one grey level: below, there is nothing to compare."""
    return np.sqrt(np.maximum(a.std(axis=1), 1) * np.maximum(b.std(axis=1), 1))


def _register(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """The residuals of M pairs of luminance thumbnails (float32, M×144); infinite if out of reach."""
    smooth, filters = _filters()
    terms = (((a + b) / 2) @ filters).reshape(len(a), 6, -1)
    terms[:, 1] = _REACH[1]
    difference = ((b - a) @ smooth)[..., None]
    normal = terms @ terms.transpose(0, 2, 1) + np.eye(6, dtype=np.float32) * terms.shape[-1]
    solution = np.linalg.solve(normal, terms @ difference)
    rest = (difference - terms.transpose(0, 2, 1) @ solution)[..., 0]
    result = np.sqrt((rest**2).mean(axis=1) - rest.mean(axis=1) ** 2) / _contrast(a @ smooth, b @ smooth)
    return np.where((np.abs(solution[..., 0]) > 1).any(axis=1), np.float32(np.inf), result).astype(np.float32)


@cache
def _filters() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The binomial filter, 144×144: a shift by part of a cell becomes nearly linear in the gradient. Terms, 144×864.

    The terms are contrast, brightness (empty here), and how a thumbnail changes with a shift and a zoom along x and y.
    """
    cells = GRID * GRID
    every = np.pad(np.eye(cells).reshape(cells, GRID, GRID), ((0, 0), (1, 1), (1, 1)), mode="edge")
    every = (every[:, :-2] + 2 * every[:, 1:-1] + every[:, 2:]) / 4
    smooth = (every[:, :, :-2] + 2 * every[:, :, 1:-1] + every[:, :, 2:]) / 4
    along_y, along_x = np.gradient(smooth, axis=(1, 2))
    y, x = np.indices((GRID, GRID)) - (GRID - 1) / 2
    contrast = smooth - smooth.mean(axis=(1, 2), keepdims=True)
    parts = [contrast, 0 * contrast, along_x, along_y, x * along_x, y * along_y]
    terms = np.stack(parts, axis=1).reshape(cells, 6, cells) * _REACH[:, None]
    return smooth.reshape(cells, cells).astype(np.float32), terms.reshape(cells, -1).astype(np.float32)
