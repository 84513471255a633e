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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from podium.data.duplicates import first_equal, number_by_first
from podium.data.near_search import Pairs, connect, search
from podium.data.registration import GRID, THUMBNAIL, Judge
from podium.data.rows import ChosenRows, Rows

SIZE: Final = 8 + THUMBNAIL
"""Bytes of a descriptor."""

Descriptors = NDArray[np.uint8]

_BLOCK_BYTES: Final = 4 * 1024 * 1024
_PIECE_BYTES: Final = 1024 * 1024
"""Of pixels that are numbers of four bytes at a time."""
_PIECE_IMAGES: Final = 512
"""At most: a descriptor's own numbers are more than those of a tiny image."""
_ROWS: Final = 16_384
"""Descriptors at a time."""
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


def near_pairs(descriptors: Rows) -> NDArray[np.int64]:
    """Pairs of near duplicates, the lesser index first, sorted: int64, M×2.

    Images with equal descriptors are paired with the first of them, which stands for all. Not every pair of a large
    group is listed, so that M stays linear in N whatever the images are; the pairs connect the group.

    Args:
        descriptors: uint8, N×184, in memory or on disk.
    """
    return np.unique(np.concatenate(list(_pairs(descriptors))), axis=0).astype(np.int64)


def near_groups(descriptors: Rows) -> NDArray[np.int32]:
    """Number the images so that near duplicates, and theirs in turn, share a number: int32, N, by first appearance.

    Args:
        descriptors: As for ``near_pairs``. Whether they are on disk or not: about 20 bytes an image are taken in
            memory while it works, and 80 in temporary files.
    """
    labels = np.arange(len(descriptors), dtype=np.int32)
    for pairs in _pairs(descriptors):
        labels = connect(labels, pairs)
    return number_by_first(labels)  # the least of its images names a group


def _pairs(descriptors: Rows) -> Iterator[Pairs]:
    """Pairs of near duplicates, the lesser index first, in any order and perhaps repeatedly: int32, M×2 each."""
    representative = _representatives(descriptors)
    same = np.flatnonzero(representative != np.arange(len(descriptors), dtype=np.int32))
    yield np.stack([representative[same], same], 1).astype(np.int32)
    first = None
    if len(same):
        first = np.flatnonzero(representative == np.arange(len(descriptors), dtype=np.int32)).astype(np.int32)
    del representative, same
    distinct = descriptors if first is None else ChosenRows(descriptors, first)
    with threadpool_limits(1, user_api="blas"):  # many small products: waking threads would take ten times as long
        judge = Judge(distinct)
        for found in search(judge.marks, judge):
            yield np.sort(found if first is None else first[found], axis=1)


def describe_block(images: NDArray[np.uint8]) -> Descriptors:
    """Describe some images (uint8, N×H×W×3) on one core: uint8, N×184."""
    step = max(1, min(_PIECE_IMAGES, _PIECE_BYTES // max(1, int(np.prod(images.shape[1:])))))
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


def _representatives(descriptors: Rows) -> NDArray[np.int32]:
    """For each image, the first with the same descriptor: int32, N."""
    keys = np.empty(len(descriptors), np.uint64)
    for start in range(0, len(descriptors), _ROWS):
        keys[start : start + _ROWS] = _row_hashes(descriptors[start : start + _ROWS])
    first = first_equal(keys)
    later = np.flatnonzero(first != np.arange(len(first), dtype=np.int32))
    for start in range(0, len(later), _ROWS):
        some = later[start : start + _ROWS]
        if not np.array_equal(descriptors[some], descriptors[first[some]]):  # two hashes collided
            rows = np.ascontiguousarray(descriptors[: len(descriptors)]).view(np.dtype((np.void, SIZE))).ravel()
            _, places, inverse = np.unique(rows, return_index=True, return_inverse=True)
            return places[inverse.ravel()].astype(np.int32)
    return first


def _row_hashes(descriptors: Descriptors) -> NDArray[np.uint64]:
    """64 bits of each descriptor, by multiplication: sorting whole rows would take several times their memory."""
    words = np.ascontiguousarray(descriptors).view(np.uint64)
    factors = np.random.Generator(np.random.PCG64(0)).integers(1, 1 << 63, words.shape[1], np.uint64) * 2 + 1
    keys = np.zeros(len(words), np.uint64)
    for column, factor in zip(words.T, factors, strict=True):
        keys = (keys ^ (column * factor)) * factor
        keys ^= keys >> np.uint64(29)
    return keys
