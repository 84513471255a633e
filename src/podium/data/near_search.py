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
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.ahead import one_ahead
from podium.data.pieces import by_hash, by_key
from podium.data.registration import Judge
from podium.data.rows import FileRows
from podium.data.sketches import Sketches, hashes_of, numbers_of, sketches_of

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
_CHUNK: Final = 1 << 19
"""Neighbours of one piece of work, about: 40 bytes each if all have like hashes."""
Pairs = NDArray[np.int32]
Places = NDArray[np.int32]


@dataclass(frozen=True)
class _Piece:
    """Some buckets of a band, whole, one after the other; in each, images in the order of their hashes."""

    hashes: NDArray[np.uint64]
    images: NDArray[np.int32]
    sketches: Sketches
    ends: NDArray[np.int32]
    """For each image, the place behind the last one of its bucket."""

    def __len__(self) -> int:
        return len(self.images)


def search(marks: FileRows, judge: Judge) -> Iterator[Pairs]:
    """Pairs that show the same picture (int32, M×2), a band at a time.

    Args:
        marks: Of N images, in their order.
        judge: Compares them.

    Raises:
        OSError: The disk is full.
    """
    count = len(marks)
    if count < 2:
        return
    ordered = by_hash(marks)
    groups, tries = np.arange(count, dtype=np.int32), np.zeros(count, np.int8)
    found: list[Pairs] = []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for piece in one_ahead(_pieces(ordered, _bands(count))):
            if piece is None:  # the end of a band
                yield (pairs := np.concatenate(found))
                groups, found = connect(groups, pairs), []
                continue

            def work(places: range, piece: _Piece = piece, groups: NDArray[np.int32] = groups) -> Pairs:
                return _search_chunk(piece, places, groups, tries, judge)

            found += threads.map(work, _chunks(piece))


def _pieces(ordered: FileRows, bands: list[list[int]]) -> Iterator[_Piece | None]:
    """Band by band; None after each."""
    for bits in bands:
        for marks in by_key(ordered, partial(_keys, bits=bits)):
            hashes = hashes_of(marks)
            last = np.flatnonzero(np.diff(_keys(hashes, bits))) + 1
            ends = np.repeat(np.append(last, len(marks)), np.diff(last, prepend=0, append=len(marks))).astype(np.int32)
            yield _Piece(hashes, numbers_of(marks), sketches_of(marks), ends)
        yield None


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


def _keys(hashes: NDArray[np.uint64], bits: list[int]) -> NDArray[np.uint16]:
    """These bits of each hash as one number, the first of them the highest."""
    keys = np.zeros(len(hashes), np.uint16)
    for place, bit in enumerate(reversed(bits)):
        keys |= ((hashes >> np.uint64(63 - bit)).astype(np.uint16) & np.uint16(1)) << np.uint16(place)
    return keys


def _chunks(piece: _Piece) -> list[range]:
    """Divide the places among the cores: by the neighbours that there are to look at, in not too large parts."""
    work = np.cumsum(np.minimum(piece.ends - np.arange(len(piece), dtype=np.int32), _WINDOWS[-1][1]))
    cores = os.cpu_count() or 1
    parts = cores * -(-int(work[-1]) // (cores * _CHUNK))
    bounds = np.searchsorted(work, work[-1] * np.arange(1, parts) // parts, "right").tolist()
    return [range(start, stop) for start, stop in zip([0, *bounds], [*bounds, len(piece)], strict=True) if start < stop]


def _search_chunk(
    piece: _Piece, places: range, groups: NDArray[np.int32], tries: NDArray[np.int8], judge: Judge
) -> Pairs:
    """Compare the images at some places with those that follow them, but for those in one group.

    ``tries`` counts on; no other chunk of the band has the same images.
    """
    start = places.start
    order = piece.images[start : places.stop]
    links, tried = np.zeros(len(order), np.int64), tries[order].astype(np.int64)
    found = []
    for first, stop in _WINDOWS:
        open_ = (links < _MAX_LINKS) & (tried < _MAX_TRIES)
        left, right = _neighbours(piece, (np.flatnonzero(open_) + start).astype(np.int32), first, stop)
        free = groups[piece.images[left]] != groups[piece.images[right]]
        left, right = left[free], right[free]
        free = tried[left - start] + _rank(left) < _MAX_TRIES
        left, right = left[free], right[free]
        tried += np.bincount(left - start, minlength=len(order))
        pairs = np.stack([piece.images[left], piece.images[right]], 1)
        same = np.flatnonzero(judge.same(pairs, piece.sketches, left, right))
        same = same[links[left[same] - start] + _rank(left[same]) < _MAX_LINKS]
        links += np.bincount(left[same] - start, minlength=len(order))
        found.append(pairs[same])
    tries[order] = tried
    return np.concatenate(found)


def _neighbours(piece: _Piece, places: Places, first: int, stop: int) -> tuple[Places, Places]:
    """Pairs of places of like hashes: each of ``places`` (ascending) with those ``first`` to ``stop`` - 1 behind it.

    They come in the order of the places, and of the distance.
    """
    ends, own = piece.ends[places], piece.hashes[places]
    left, right = [places[:0]], [places[:0]]
    for distance in range(first, stop):
        inside = np.flatnonzero(places + distance < ends)  # fewer and fewer
        places, ends, own = places[inside], ends[inside], own[inside]
        if not len(places):
            break
        close = places[np.bitwise_count(own ^ piece.hashes[places + distance]) <= _HASH_DISTANCE]
        left.append(close)
        right.append(close + distance)
    all_left = np.concatenate(left)
    turn = np.argsort(all_left, kind="stable")
    return all_left[turn], np.concatenate(right)[turn]


def _rank(ordered: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many equal numbers stand before each, in ascending order: int64."""
    return np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
