"""Figures of every image of a split, computed in blocks: what the checks look at instead of pixels."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from podium.data.duplicates import Digests, digest_array
from podium.data.near import describe_block
from podium.data.rows import FileRows
from podium.validation.reading import read_rows

_BLOCK_BYTES = 1024 * 1024
"""Of pixels; as floats, a block is four times as large, and every core has some."""
_FIRST = 32
"""Pixels that nearly all images are told by not to be of one colour, or gray."""


@dataclass(frozen=True)
class Measurements:
    """Of N images; arrays have a row an image (20 bytes in all). Values are grey levels, 0…255."""

    minimum: NDArray[np.uint8]
    maximum: NDArray[np.uint8]
    std: NDArray[np.float32]
    """Over all pixels and channels."""
    channel_mean: NDArray[np.float32]
    """N×3."""
    constant: NDArray[np.bool_]
    """All pixels have the same colour."""
    gray: NDArray[np.bool_]
    """The three channels are equal."""
    square: NDArray[np.float64]
    """3: the mean of the squares of each channel, over all images."""

    def channel_statistics(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of each channel over all images, on [0, 1]."""
        mean = self.channel_mean.mean(axis=0, dtype=np.float64)
        std = np.sqrt(np.maximum(self.square - mean**2, 0))
        return mean / 255, std / 255


def measure(
    images: NDArray[np.uint8], digests: Digests | None = None, near: FileRows | None = None, first: int = 0
) -> Measurements:
    """Measure every image in one look at the pixels, in blocks, on all cores; memory does not grow with the image size.

    Args:
        images: uint8, N×H×W×3, N > 0.
        digests: uint64 M×2, given the digests of the pixels.
        near: M×184, given what near duplicates are known by.
        first: Number of the first image in these two.
    """
    count = len(images)
    found = Measurements(
        minimum=np.empty(count, np.uint8),
        maximum=np.empty(count, np.uint8),
        std=np.empty(count, np.float32),
        channel_mean=np.empty((count, 3), np.float32),
        constant=np.empty(count, bool),
        gray=np.empty(count, bool),
        square=np.zeros(3),
    )
    step = max(1, _BLOCK_BYTES // max(1, int(np.prod(images.shape[1:]))))

    def work(start: int) -> NDArray[np.float64]:
        stop = min(start + step, count)
        block = read_rows(images, np.arange(start, stop))
        if digests is not None:
            digests[first + start : first + stop] = digest_array(block)
        if near is not None:
            near.write(first + start, describe_block(block))
        return _measure_block(block, found, slice(start, stop))

    # One BLAS thread each: waking others for small products takes longer than the products.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        for squares in threads.map(work, range(0, count, step)):
            found.square[:] += squares / count
    return found


def _measure_block(block: NDArray[np.uint8], out: Measurements, rows: slice) -> NDArray[np.float64]:
    """Fill some rows; returns the sum of the images' mean squares (float64, 3)."""
    flat = block.reshape(len(block), -1)
    pixels = block.reshape(len(block), -1, 3)
    # Sums a channel as a matrix product: much faster than a reduction over an axis with stride 3.
    values = flat.astype(np.float32)
    selector = np.tile(np.eye(3, dtype=np.float32), (pixels.shape[1], 1)) / pixels.shape[1]
    mean = (values @ selector).astype(np.float64)
    np.square(values, out=values)
    square = (values @ selector).astype(np.float64)
    out.minimum[rows], out.maximum[rows] = flat.min(axis=1), flat.max(axis=1)
    out.std[rows] = np.sqrt(np.maximum(square.mean(axis=1) - mean.mean(axis=1) ** 2, 0))
    out.channel_mean[rows] = mean
    out.constant[rows] = _hold(pixels, lambda some: (some == some[:, :1]).all(axis=(1, 2)))
    out.gray[rows] = _hold(pixels, lambda some: (some == some[..., :1]).all(axis=(1, 2)))
    return square.sum(axis=0)


def _hold(pixels: NDArray[np.uint8], test: Callable[[NDArray[np.uint8]], NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Test all pixels of those images whose first pixels pass: bool, N."""
    passed = test(pixels[:, :_FIRST])
    rows = np.flatnonzero(passed)
    passed[rows] = test(pixels[rows])
    return passed
