"""Mean and standard deviation of a split, to the last digit the same on every machine."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.contract import Channels

_BLOCK_BYTES: Final = 16 * 1024 * 1024


_WIDTH, _ROWS = 3 * 256, 512
"""A matrix of so many grey levels is added up along its columns: quick, and 512 · 255² < 2³² is exact."""


class ChannelSums:
    """Exact sums per channel, gathered block by block: integers, so that neither order nor block size matter."""

    def __init__(self) -> None:
        self._count = 0
        self._sums = np.zeros((2, 3), np.uint64)
        """Of the grey levels and of their squares."""

    def add(self, images: NDArray[np.uint8]) -> None:
        """Add some images (uint8, n×H×W×3)."""
        flat = images.reshape(-1)
        whole = len(flat) // _WIDTH
        rows = flat[: whole * _WIDTH].reshape(whole, _WIDTH)
        parts = [rows[start : start + _ROWS] for start in range(0, whole, _ROWS)]
        for part in (*parts, flat[whole * _WIDTH :][None]):
            self._sums[0] += part.sum(axis=0, dtype=np.uint32).reshape(-1, 3).sum(axis=0, dtype=np.uint64)
            squares = np.multiply(part, part, dtype=np.uint16).sum(axis=0, dtype=np.uint32)
            self._sums[1] += squares.reshape(-1, 3).sum(axis=0, dtype=np.uint64)
        self._count += len(flat) // 3

    def result(self) -> tuple[Channels, Channels]:
        """Mean and standard deviation per channel on [0, 1]; 0 of no image."""
        total, squares = self._sums
        n = max(1, self._count)
        mean = total / n
        std = np.sqrt(np.maximum(squares / n - mean**2, 0.0))
        rounded = [tuple(round(float(v) / 255, 8) for v in values) for values in (mean, std)]
        return rounded[0], rounded[1]  # type: ignore[return-value]


def channel_statistics(images: NDArray[np.uint8]) -> tuple[Channels, Channels]:
    """Mean and standard deviation per channel on [0, 1], exact: integer sums in blocks (any size, bounded memory)."""
    sums = ChannelSums()
    step = max(1, _BLOCK_BYTES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), step):
        sums.add(images[start : start + step])
    return sums.result()
