"""Figures of every image of a split, computed in blocks: what the checks look at instead of pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podium.data.duplicates import Digests, digest_array
from podium.data.near import Descriptors, describe_block
from podium.validation.reading import read_rows

_BLOCK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Measurements:
    """Of N images; arrays have a row an image (some 270 bytes in all). Values are grey levels, 0…255."""

    minimum: NDArray[np.uint8]
    maximum: NDArray[np.uint8]
    std: NDArray[np.float64]
    """Over all pixels and channels."""
    channel_mean: NDArray[np.float64]
    """N×3."""
    channel_square: NDArray[np.float64]
    """N×3: the mean of the squares."""
    constant: NDArray[np.bool_]
    """All pixels have the same colour."""
    gray: NDArray[np.bool_]
    """The three channels are equal."""
    digests: Digests
    near: Descriptors
    """For the search of near duplicates."""

    def channel_statistics(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of each channel over all images, on [0, 1]."""
        mean = self.channel_mean.mean(axis=0)
        std = np.sqrt(np.maximum(self.channel_square.mean(axis=0) - mean**2, 0))
        return mean / 255, std / 255


def measure(images: NDArray[np.uint8]) -> Measurements:
    """Measure every image (uint8, N×H×W×3, N > 0); memory does not grow with the image size."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        parts = list(threads.map(lambda rows: _measure_block(read_rows(images, rows)), _blocks(images)))
    return Measurements(
        minimum=np.concatenate([part.minimum for part in parts]),
        maximum=np.concatenate([part.maximum for part in parts]),
        std=np.concatenate([part.std for part in parts]),
        channel_mean=np.concatenate([part.channel_mean for part in parts]),
        channel_square=np.concatenate([part.channel_square for part in parts]),
        constant=np.concatenate([part.constant for part in parts]),
        gray=np.concatenate([part.gray for part in parts]),
        digests=np.concatenate([part.digests for part in parts]),
        near=np.concatenate([part.near for part in parts]),
    )


def _blocks(images: NDArray[np.uint8]) -> Iterator[NDArray[np.int64]]:
    size = max(1, _BLOCK_BYTES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), size):
        yield np.arange(start, min(start + size, len(images)))


def _measure_block(block: NDArray[np.uint8]) -> Measurements:
    count = len(block)
    flat = block.reshape(count, -1)
    pixels = block.reshape(count, -1, 3)
    # Sums a channel as a matrix product: much faster than a reduction over an axis with stride 3.
    values = flat.astype(np.float32)
    selector = np.tile(np.eye(3, dtype=np.float32), (pixels.shape[1], 1)) / pixels.shape[1]
    channel_mean = (values @ selector).astype(np.float64)
    np.square(values, out=values)
    channel_square = (values @ selector).astype(np.float64)
    variance = channel_square.mean(axis=1) - channel_mean.mean(axis=1) ** 2
    return Measurements(
        minimum=flat.min(axis=1),
        maximum=flat.max(axis=1),
        std=np.sqrt(np.maximum(variance, 0)),
        channel_mean=channel_mean,
        channel_square=channel_square,
        constant=(pixels == pixels[:, :1]).all(axis=(1, 2)),
        gray=(pixels[..., 0] == pixels[..., 1]).all(axis=1) & (pixels[..., 1] == pixels[..., 2]).all(axis=1),
        digests=digest_array(block),
        near=describe_block(block),
    )
