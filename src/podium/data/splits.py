"""Stratified splits that depend on the labels and a seed alone, on every machine and with every library version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.duplicates import by_first_appearance
from podium.data.pieces import ranges
from podium.errors import DataError

Indices = NDArray[np.int32] | NDArray[np.int64]
"""Numbers of images, ascending."""
_BLOCK: Final = 16_384


def stratified_split(
    labels: NDArray[np.int32] | NDArray[np.int64],
    fractions: Mapping[str, float],
    seed: int,
    *,
    groups: NDArray[np.int32] | NDArray[np.int64] | None = None,
) -> dict[str, NDArray[np.int32]]:
    """Divide images among splits so that each class is divided in the same proportions.

    The order within a class is that of SHA-256 over seed and position, so no random generator's history matters.

    Args:
        labels: N.
        fractions: Share of every split, in the order in which they are filled; the shares add up to 1.
        seed: Another seed gives another division.
        groups: N; images of equal number (duplicates) come into the same split, with the class of the first.

    Returns:
        Sorted indices (int32) of each split; together every index once.

    Raises:
        DataError: The shares do not add up to 1, or a class is too small for each split to get one of it.
    """
    if abs(sum(fractions.values()) - 1) > 1e-9 or min(fractions.values()) <= 0:
        raise DataError(f"shares of the splits are {dict(fractions)}", remedy="give positive shares that add up to 1")
    first, member = _members(groups) if groups is not None else (np.arange(len(labels), dtype=np.int32), None)
    sizes = None if member is None else np.bincount(member, minlength=len(first)).astype(np.int32)
    classes = labels[first]
    chosen = np.empty(len(first), np.int8)
    for own in _in_order(seed, first, classes):
        own_sizes = np.ones(len(own), np.int32) if sizes is None else sizes[own]
        room = _apportion(int(own_sizes.sum()), list(fractions.values()))
        chosen[own] = _fill(own_sizes, room)
        for i, split in enumerate(fractions):
            if not (chosen[own] == i).any():
                raise DataError(
                    f"class {classes[own[0]]} has {len(own)} distinct images, none of which is left for {split} when"
                    f" they are shared out as {dict(fractions)}",
                    remedy="give more images of this class, or files for each split",
                )
    where = chosen if member is None else chosen[member]
    return {split: np.flatnonzero(where == i).astype(np.int32) for i, split in enumerate(fractions)}


def _members(groups: Indices) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The first image of each group, by first appearance, and the place of each image's group among these: int32."""
    highest = np.maximum.accumulate(groups)
    steps = np.diff(highest, prepend=groups.dtype.type(-1))
    if len(groups) and (groups.min() < 0 or steps.max() > 1):
        return _members(by_first_appearance(groups))
    return np.flatnonzero(steps).astype(np.int32), groups.astype(np.int32, copy=False)


def _in_order(seed: int, indices: NDArray[np.int32], classes: Indices) -> Iterator[NDArray[np.int32]]:
    """The places of each class in turn, by rank."""
    low = int(classes.min(initial=0))
    for one, last in ranges(np.bincount(classes - low if low else classes)):
        own = np.flatnonzero((classes >= one + low) & (classes <= last + low)).astype(np.int32)
        (ranks,) = _ranks(seed, indices[own], 1)
        order = np.lexsort((ranks, classes[own]))  # the last key counts most
        if len(np.unique(ranks)) < len(ranks):  # 64 bits of SHA-256: hardly ever
            order = np.lexsort((*_ranks(seed, indices[own], 4), classes[own]))
        del ranks
        own = own[order]
        del order
        yield from np.split(own, np.flatnonzero(np.diff(classes[own])) + 1)


def _ranks(seed: int, indices: NDArray[np.int32], parts: int) -> list[NDArray[np.uint64]]:
    """SHA-256 over seed and position, as sorting keys: the first of its four parts, the least significant first."""
    ranks = np.empty((len(indices), parts), np.uint64)
    for start in range(0, len(indices), _BLOCK):  # a million digests as objects would take as much memory as the search
        part = indices[start : start + _BLOCK].tolist()
        digests = b"".join([hashlib.sha256(f"{seed}/{index}".encode()).digest() for index in part])
        ranks[start : start + _BLOCK] = np.frombuffer(digests, ">u8").reshape(-1, 4)[:, :parts]
    return list(ranks.T[::-1])


def _apportion(count: int, shares: list[float]) -> list[int]:
    """Whole numbers that add up to ``count``, as near to the shares as can be (largest remainders)."""
    exact = [count * share for share in shares]
    whole = [int(value + 1e-9) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: (whole[i] - exact[i], i))
    for i in by_remainder[: count - sum(whole)]:
        whole[i] += 1
    return whole


def _fill(sizes: NDArray[np.int32], room: list[int]) -> NDArray[np.int8]:
    """Put groups one after the other into the first split that still has room for the whole of it: int8, one a group.

    One that fits nowhere comes into the split with the most room left. The last groups go to splits that have none yet.
    """
    room, empty = list(room), set(range(len(room)))
    chosen = np.empty(len(sizes), np.int8)
    last = max(0, len(sizes) - len(room))  # from here on, a split may need the group that comes
    place = 0
    for large in [*np.flatnonzero(sizes[:last] > 1).tolist(), last]:
        for i in range(len(room)):  # single images up to there fill one split after the other
            some = min(room[i], large - place)
            if some > 0:
                chosen[place : place + some] = i
                empty.discard(i)
                room[i], place = room[i] - some, place + some
        stop = len(sizes) if large == last else large + 1
        for at in range(place, stop):
            size = int(sizes[at])
            split = next((i for i, free in enumerate(room) if free >= size), room.index(max(room)))
            if len(empty) == len(sizes) - at and empty:
                split = min(empty)
            empty.discard(split)
            chosen[at] = split
            room[split] -= size
        place = stop
    return chosen
