"""The search for near duplicates: candidates by locality-sensitive hashing, and the groups that confirmed pairs make.

A band is some of the lowest bits of the hash. Images that agree in them are neighbours; within a band, they stand in
the order of their whole hash, and each is compared with those that follow it. Bands come one after the other, since
what one has joined the next need not compare; within a band, all cores work. What is found does not depend on how
many there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.registration import Judge

_MAX_LINKS: Final = 2
"""Confirmed pairs of an image and band. With the next two, it bounds the work where very many images are alike."""
_MAX_TRIES: Final = 48
"""Comparisons of an image, in all bands; an image of CIFAR-10 has ten on average."""
_WINDOWS: Final = ((1, 5), (5, 65))
"""Neighbours within a bucket, in two steps: what has found its copies in the first needs no second."""
_BANDS: Final = 20
_BAND_POOL: Final = 24
"""Bands are drawn from the lowest frequencies: a shift changes them least."""
_HASH_DISTANCE: Final = 18
_CHUNK: Final = 4096
"""Images of one piece of work: their windows are a few megabytes."""
_BLOCK: Final = 65_536
"""Images that are put in the order of a band at a time."""
Pairs = NDArray[np.int32]


@dataclass(frozen=True)
class _Sorted:
    """All images in the order of their hashes."""

    images: NDArray[np.int32]
    hashes: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class _Band:
    """Images in the order of one band."""

    mask: np.uint64
    of: _Sorted
    places: NDArray[np.int32]
    """In ``of``."""

    def __len__(self) -> int:
        return len(self.places)

    def images(self, at: slice | NDArray[np.int64]) -> NDArray[np.int32]:
        """Which images stand there."""
        return self.of.images[self.places[at]]

    def hashes(self, at: slice) -> NDArray[np.uint64]:
        """And their hashes."""
        return self.of.hashes[self.places[at]]


def search(hashes: NDArray[np.uint64], judge: Judge) -> Iterator[Pairs]:
    """Pairs that show the same picture (int32, M×2), a band at a time.

    Args:
        hashes: uint64, N, the lowest frequency in the highest bit.
        judge: Compares images by their numbers.
    """
    count = len(hashes)
    if count < 2:
        return
    by_hash = np.argsort(hashes, kind="stable").astype(np.int32)
    ordered = _Sorted(by_hash, hashes[by_hash])
    del hashes, by_hash
    groups, tries = np.arange(count, dtype=np.int32), np.zeros(count, np.int8)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        bands = [threads.submit(_in_band, ordered, bits) for bits in _bands(count)[:1]]
        for following in [*_bands(count)[1:], None]:
            band = bands.pop().result()
            if following is not None:
                bands.append(threads.submit(_in_band, ordered, following))

            def work(start: int, band: _Band = band, groups: NDArray[np.int32] = groups) -> Pairs:
                return _search_chunk(band, start, groups, tries, judge)

            found = np.concatenate(list(threads.map(work, range(0, count, _CHUNK))))
            del band, work
            groups = connect(groups, found)
            yield found


def connect(groups: NDArray[np.int32], pairs: Pairs) -> NDArray[np.int32]:
    """Join the groups (a number below N for each of N images; int32) that the pairs connect; the least number stays.

    Each group is hooked onto the least of its neighbours, until none is left (Shiloach & Vishkin 1982, "An O(log n)
    parallel connectivity algorithm"). SciPy's ``connected_components`` would take longer to import than this search.
    """
    while len(pairs):
        low, high = np.sort(groups[pairs], axis=1).T
        apart = low != high
        if not apart.any():
            break
        pairs, low, high = pairs[apart], low[apart], high[apart]
        parent = np.arange(len(groups), dtype=np.int32)
        np.minimum.at(parent, high, low)
        high = np.unique(high)  # the others are their own parents
        while not np.array_equal(further := parent[parent[high]], parent[high]):
            parent[high] = further
        groups = parent[groups]
    return groups


def _bands(count: int) -> list[list[int]]:
    """Which hash bits each band is made of: more of them for more images, so that buckets stay small."""
    length = int(np.clip(np.ceil(np.log2(max(2, count))) - 4, 12, 16))
    rng = np.random.Generator(np.random.PCG64(20210325))
    return [np.sort(rng.permutation(_BAND_POOL)[:length]).tolist() for _ in range(_BANDS)]


def _in_band(ordered: _Sorted, bits: list[int]) -> _Band:
    """Put images that agree in these bits (0 is the highest) side by side, each bucket in the order of the hashes.

    By counting, a block after the other: a sort of all at once would take several times the memory of the result.
    """
    blocks = range(0, len(ordered), _BLOCK)
    buckets = 1 << len(bits)
    sizes = np.zeros(buckets, np.int64)
    for start in blocks:
        sizes += np.bincount(_keys(ordered.hashes[start : start + _BLOCK], bits), minlength=buckets)
    following = np.cumsum(sizes) - sizes  # where the next one of each bucket comes
    places = np.empty(len(ordered), np.int32)
    for start in blocks:
        keys = _keys(ordered.hashes[start : start + _BLOCK], bits)
        turn = np.argsort(keys, kind="stable")  # NumPy sorts 16 bits by counting
        keys = keys[turn]
        places[following[keys] + _rank(keys)] = start + turn
        following += np.bincount(keys, minlength=buckets)
    return _Band(np.uint64(sum(1 << (63 - bit) for bit in bits)), ordered, places)


def _keys(hashes: NDArray[np.uint64], bits: list[int]) -> NDArray[np.uint16]:
    """These bits of each hash as one number, the first of them the highest."""
    keys = np.zeros(len(hashes), np.uint16)
    for place, bit in enumerate(reversed(bits)):
        keys |= ((hashes >> np.uint64(63 - bit)).astype(np.uint16) & np.uint16(1)) << np.uint16(place)
    return keys


def _search_chunk(band: _Band, start: int, groups: NDArray[np.int32], tries: NDArray[np.int8], judge: Judge) -> Pairs:
    """Compare the images at ``start`` and on with those that follow them, but for those in one group.

    ``tries`` counts on; no other chunk of the band has the same images.
    """
    own = slice(start, min(start + _CHUNK, len(band)))
    order = band.images(own)
    reach = _WINDOWS[-1][1] - 1
    seen = band.hashes(slice(own.start, own.stop + reach))
    hashes = seen[: len(order)]
    padded = np.concatenate([seen, np.zeros(len(order) + reach - len(seen), np.uint64)])
    links = np.zeros(len(order), np.int64)
    found = [np.empty((0, 2), np.int32)]
    for first, stop in _WINDOWS:
        rows = np.arange(min(len(order), len(band) - start - first))
        rows = rows[((hashes[rows] ^ padded[rows + first]) & band.mask) == 0]
        rows = rows[(links[rows] < _MAX_LINKS) & (tries[order[rows]] < _MAX_TRIES)]
        windows = np.lib.stride_tricks.sliding_window_view(padded, stop - first)[rows + first]
        apart = windows ^ hashes[rows, None]
        close = ((apart & band.mask) == 0) & (np.bitwise_count(apart) <= _HASH_DISTANCE)
        place, distance = np.divmod(np.flatnonzero(close), stop - first)  # quicker than np.nonzero
        left, right = rows[place], rows[place] + first + distance + start
        inside = right < len(band)
        left, right = left[inside], right[inside]
        others = band.images(right)
        free = groups[order[left]] != groups[others]
        left, others = left[free], others[free]
        free = tries[order[left]] + _rank(left) < _MAX_TRIES
        left, others = left[free], others[free]
        tries[order] += np.bincount(left, minlength=len(order)).astype(np.int8)
        pairs = np.stack([order[left], others], 1)
        same = np.flatnonzero(judge.same(pairs))
        same = same[links[left[same]] + _rank(left[same]) < _MAX_LINKS]
        links += np.bincount(left[same], minlength=len(order))
        found.append(pairs[same])
    return np.concatenate(found)


def _rank(ordered: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many equal numbers stand before each, in ascending order: int64."""
    return np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
