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

from podium.data.registration import GRID, THUMBNAIL, Judge

SIZE: Final = 8 + THUMBNAIL
"""Bytes of a descriptor."""

Descriptors = NDArray[np.uint8]

_MAX_LINKS: Final = 2
"""Confirmed pairs of an image and band. With the next two, it bounds the work where very many images are alike."""
_MAX_TRIES: Final = 48
"""Comparisons of an image, in all bands; an image of CIFAR-10 has four on average."""
_WINDOW: Final = 64
"""Neighbours within a bucket."""
_BANDS: Final = 20
_BAND_POOL: Final = 24
"""Bands are drawn from the lowest frequencies: a shift changes them least."""
_HASH_DISTANCE: Final = 18
_BLOCK_BYTES: Final = 4 * 1024 * 1024
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
        pairs += [np.sort(first[found], axis=1) for found in _search(distinct)]
    return np.unique(np.concatenate(pairs), axis=0)


def near_groups(descriptors: Descriptors) -> NDArray[np.int64]:
    """Number the images so that near duplicates, and theirs in turn, share a number: int64, N, by first appearance."""
    count = len(descriptors)
    labels = _connect(np.arange(count), near_pairs(descriptors))
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def describe_block(images: NDArray[np.uint8]) -> Descriptors:
    """Describe a few images (uint8, N×H×W×3) at once: uint8, N×184."""
    count, height, width, _ = images.shape
    area = height * width
    exact = np.float32 if area * 255 < 1 << 24 else np.float64  # which holds the sums below without rounding
    rows = np.matmul(_overlaps(height).astype(exact), images.reshape(count, height, width * 3).astype(exact))
    across = np.kron(_overlaps(width).T, np.eye(3)).astype(exact)
    cells = (rows.reshape(count * GRID, width * 3) @ across).astype(np.int64).reshape(count, GRID, GRID, 3)
    red, green, blue = (cells[..., channel] for channel in range(3))
    gray = (2 * (299 * red + 587 * green + 114 * blue) + 1000 * area) // (2000 * area)
    fine = gray.reshape(count, GRID * GRID)
    coarse = cells.reshape(count, 4, GRID // 4, 4, GRID // 4, 3).sum(axis=(2, 4)).reshape(count, 16, 3)
    middle = coarse.sum(axis=-1)
    colors = [(3 * coarse[..., channel] - middle) // (6 * (GRID // 4) ** 2 * area) + 128 for channel in (0, 2)]
    signs = fine.astype(np.float32) @ _cosines() > 256 * _FLAT
    return np.concatenate([np.packbits(signs, axis=1), fine, *colors], axis=1).astype(np.uint8)


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


def _bands(count: int) -> list[NDArray[np.int64]]:
    """Which hash bits each band is made of: more of them for more images, so that buckets stay small."""
    length = int(np.clip(np.ceil(np.log2(max(2, count))) - 4, 12, 16))
    rng = np.random.Generator(np.random.PCG64(20210325))
    return [np.sort(rng.permutation(_BAND_POOL)[:length]) for _ in range(_BANDS)]


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


def _search(descriptors: Descriptors) -> Iterator[NDArray[np.int64]]:
    """Pairs of near duplicates among distinct descriptors (int64, M×2), a band at a time."""
    count = len(descriptors)
    if count < 2:
        return
    judge = Judge(descriptors[:, 8:])
    # Big-endian: within a bucket, what shares the lowest frequencies stands together.
    hashes = np.ascontiguousarray(descriptors[:, :8]).view(">u8").ravel().astype(np.uint64)
    bits = np.unpackbits(descriptors[:, : _BAND_POOL // 8], axis=1)
    groups, tries = np.arange(count), np.zeros(count, np.int16)
    for members in _bands(count):
        keys = bits[:, members] @ (1 << np.arange(len(members), dtype=np.uint32))
        found = _search_band(keys, hashes, groups, tries, judge)
        groups = _connect(groups, found)
        yield found


def _search_band(
    keys: NDArray[np.uint32],
    hashes: NDArray[np.uint64],
    groups: NDArray[np.int64],
    tries: NDArray[np.int16],
    judge: Judge,
) -> NDArray[np.int64]:
    """Pairs within the buckets of equal keys; those that are in one group already are left out. ``tries`` counts on."""
    order = np.lexsort((hashes, keys)).astype(np.int64)
    keys, hashes, groups = keys[order], hashes[order], groups[order]
    links = np.zeros(len(order), np.int8)
    found = [np.empty((0, 2), np.int64)]
    for distance in range(1, min(_WINDOW, len(order) - 1) + 1):
        left = np.flatnonzero(keys[distance:] == keys[:-distance])
        if not left.size:
            break
        right = left + distance
        close = np.bitwise_count(hashes[left] ^ hashes[right]) <= _HASH_DISTANCE
        free = (links[left] < _MAX_LINKS) & (tries[order[left]] < _MAX_TRIES)
        left = left[close & free & (groups[left] != groups[right])]
        tries[order[left]] += 1
        pairs = np.stack([order[left], order[left + distance]], 1)
        same = judge.same(pairs)
        links[left[same]] += 1
        found.append(pairs[same])
    return np.concatenate(found)


def _connect(groups: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join the groups (a number below N for each of N) that the pairs connect."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(pairs):
        return groups
    ends = groups[pairs]
    graph = coo_array((np.ones(len(pairs), np.int8), (ends[:, 0], ends[:, 1])), shape=(len(groups), len(groups)))
    return connected_components(graph, directed=False)[1].astype(np.int64)[groups]
