"""Near duplicates: which images show the same picture, re-encoded, brightened, shifted or cropped a little.

A descriptor is a 64-bit perceptual hash (signs of the lowest DCT coefficients, as in pHash: Zauner 2010,
"Implementation and benchmarking of perceptual image hash functions") and the thumbnail that it was made of. Candidates
are images that agree in one of several bands of hash bits (locality-sensitive hashing: Indyk & Motwani 1998);
``podium.data.registration`` confirms those that show the same picture.

A mirrored image is another image here: a mirrored digit or letter is another sign, and what a flip does to a figure is
a matter of the recipe's augmentation. What decides on a hash are sums of whole numbers: it is the same on every
machine.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from podium.data.near_search import connect, search
from podium.data.registration import GRID, THUMBNAIL, Judge

SIZE: Final = 8 + THUMBNAIL
"""Bytes of a descriptor."""

Descriptors = NDArray[np.uint8]

_BLOCK_BYTES: Final = 4 * 1024 * 1024
_PIECE_BYTES: Final = 1024 * 1024
"""Of pixels that are numbers of four bytes at a time."""
_FLAT: Final = 6
"""A coefficient up to here, in grey levels, is no sign of anything: a flat image has all bits zero."""


def describe(images: NDArray[np.uint8]) -> Descriptors:
    """Describe images (uint8, N×H×W×3) in blocks, on all cores: uint8, N×184."""
    step = max(1, _BLOCK_BYTES // max(1, int(np.prod(images.shape[1:]))))
    found = np.empty((len(images), SIZE), np.uint8)

    def work(start: int) -> None:
        found[start : start + step] = describe_block(np.ascontiguousarray(images[start : start + step]))

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(work, range(0, len(images), step)))
    return found


def near_pairs(descriptors: Descriptors) -> NDArray[np.int64]:
    """Pairs of near duplicates, the lesser index first, sorted: int64, M×2.

    Images with equal descriptors are paired with the first of them, which stands for all. Not every pair of a large
    group is listed, so that M stays linear in N whatever the images are; the pairs connect the group.
    """
    first, inverse = _representatives(descriptors)
    same = np.flatnonzero(first[inverse] != np.arange(len(descriptors)))
    pairs = [np.stack([first[inverse[same]], same], 1)]
    with threadpool_limits(1, user_api="blas"):  # many small products: waking threads would take ten times as long
        distinct = descriptors if len(first) == len(descriptors) else descriptors[first]
        # Big-endian: within a bucket, what shares the lowest frequencies stands together.
        hashes = np.ascontiguousarray(distinct[:, :8]).view(">u8").ravel().astype(np.uint64)
        pairs += [np.sort(first[found], axis=1) for found in search(hashes, Judge(distinct[:, 8:]))]
    return np.unique(np.concatenate(pairs), axis=0)


def near_groups(descriptors: Descriptors) -> NDArray[np.int64]:
    """Number the images so that near duplicates, and theirs in turn, share a number: int64, N, by first appearance."""
    count = len(descriptors)
    labels = connect(np.arange(count, dtype=np.int32), near_pairs(descriptors))
    # The least of its images names a group.
    return (np.cumsum(labels == np.arange(count)) - 1)[labels]


def describe_block(images: NDArray[np.uint8]) -> Descriptors:
    """Describe some images (uint8, N×H×W×3) on one core: uint8, N×184."""
    step = max(1, _PIECE_BYTES // max(1, int(np.prod(images.shape[1:]))))
    found = np.empty((len(images), SIZE), np.uint8)
    for start in range(0, len(images), step):
        found[start : start + step] = _describe_piece(images[start : start + step])
    return found


def _describe_piece(images: NDArray[np.uint8]) -> Descriptors:
    count, height, width, _ = images.shape
    area, third = height * width, GRID // 4
    exact = np.float32 if area * 255 < 1 << 24 else np.float64  # which holds the sums below without rounding
    whole = np.int32 if area * 511_000 < 1 << 31 else np.int64
    rows = np.matmul(_overlaps(height).astype(exact), images.reshape(count, height, width * 3).astype(exact))
    sums = rows.reshape(count * GRID, width * 3) @ _across(width).astype(exact)
    cells = sums.astype(whole).reshape(count, GRID, 3, GRID)
    red, green, blue = (cells[:, :, channel] for channel in range(3))
    fine = (2 * (299 * red + 587 * green + 114 * blue) + 1000 * area) // (2000 * area)
    fine = fine.reshape(count, GRID * GRID)
    strips = cells[:, ::third] + cells[:, 1::third] + cells[:, 2::third]
    coarse = strips[..., ::third] + strips[..., 1::third] + strips[..., 2::third]
    middle = coarse.sum(axis=2)
    colors = [(3 * coarse[:, :, channel] - middle) // (6 * third**2 * area) + 128 for channel in (0, 2)]
    signs = fine.astype(np.float32) @ _cosines() > 256 * _FLAT
    parts = [np.packbits(signs, axis=1), fine, *(color.reshape(count, 16) for color in colors)]
    return np.concatenate(parts, axis=1).astype(np.uint8)


@cache
def _across(width: int) -> NDArray[np.float64]:
    """(width·3)×(3·GRID): from pixels in a row, colour by colour, to cells in a row, a colour after the other."""
    pixels = np.kron(_overlaps(width).T, np.eye(3)).reshape(width * 3, GRID, 3)
    return pixels.swapaxes(1, 2).reshape(width * 3, 3 * GRID).astype(np.float64)


def _overlaps(size: int) -> NDArray[np.float64]:
    """GRID×size: how much of each pixel lies in each cell, in GRIDths of a pixel; a row adds up to ``size``."""
    cell, pixel = np.arange(GRID)[:, None] * size, np.arange(size)[None] * GRID
    return np.clip(np.minimum(cell + size, pixel + GRID) - np.maximum(cell, pixel), 0, None).astype(np.float64)


@cache
def _cosines() -> NDArray[np.float32]:
    """(GRID·GRID)×64: the 64 lowest frequencies without the mean, times 256, as whole numbers."""
    order = sorted(((u, v) for u in range(GRID) for v in range(GRID)), key=lambda f: (f[0] ** 2 + f[1] ** 2, f))[1:65]
    angle = np.pi / GRID * (np.arange(GRID) + 0.5)
    waves = [np.outer(np.cos(u * angle), np.cos(v * angle)).ravel() for u, v in order]
    return np.rint(np.stack(waves, 1) * 256).astype(np.float32)


def _representatives(descriptors: Descriptors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first image of each distinct descriptor, ascending, and for each image the position of its own there."""
    first, inverse = _distinct(_row_hashes(descriptors))
    step = max(1, _BLOCK_BYTES // SIZE)
    for start in range(0, len(descriptors), step):
        block = descriptors[start : start + step]
        if not np.array_equal(block, descriptors[first[inverse[start : start + step]]]):  # two hashes collided
            return _distinct(np.ascontiguousarray(descriptors).view(np.dtype((np.void, SIZE))).ravel())
    return first, inverse


def _distinct(keys: NDArray[np.generic]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order].astype(np.int64), rank[inverse.ravel()].astype(np.int64)


def _row_hashes(descriptors: Descriptors) -> NDArray[np.uint64]:
    """64 bits of each descriptor, by multiplication: sorting whole rows would take several times their memory."""
    words = np.ascontiguousarray(descriptors).view(np.uint64)
    factors = np.random.Generator(np.random.PCG64(0)).integers(1, 1 << 63, words.shape[1], np.uint64) * 2 + 1
    keys = np.zeros(len(words), np.uint64)
    for column, factor in zip(words.T, factors, strict=True):
        keys = (keys ^ (column * factor)) * factor
        keys ^= keys >> np.uint64(29)
    return keys
