"""Stratified splits that depend on the labels and a seed alone, on every machine and with every library version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.errors import DataError

Indices = NDArray[np.int32] | NDArray[np.int64]
"""Numbers of images, ascending."""
_BLOCK: Final = 65_536


def stratified_split(
    labels: NDArray[np.int32] | NDArray[np.int64],
    fractions: Mapping[str, float],
    seed: int,
    *,
    groups: NDArray[np.int32] | NDArray[np.int64] | None = None,
) -> dict[str, NDArray[np.int64]]:
    """Divide images among splits so that each class is divided in the same proportions.

    The order within a class is that of SHA-256 over seed and position, so no random generator's history matters.

    Args:
        labels: N.
        fractions: Share of every split, in the order in which they are filled; the shares add up to 1.
        seed: Another seed gives another division.
        groups: N; images of equal number (duplicates) come into the same split, with the class of the first.

    Returns:
        Sorted indices (int64) of each split; together every index once.

    Raises:
        DataError: The shares do not add up to 1, or a class is too small for each split to get one of it.
    """
    if abs(sum(fractions.values()) - 1) > 1e-9 or min(fractions.values()) <= 0:
        raise DataError(f"shares of the splits are {dict(fractions)}", remedy="give positive shares that add up to 1")
    count = len(labels)
    first = member = np.arange(count, dtype=np.int32)
    if groups is not None:
        _, first, member = (part.astype(np.int32) for part in np.unique(groups, return_index=True, return_inverse=True))
    sizes = np.bincount(member, minlength=len(first)).astype(np.int32)
    classes = labels[first]
    order = _in_order(seed, first, classes)
    chosen = np.empty(len(first), np.int8)
    for own in np.split(order, np.flatnonzero(np.diff(classes[order])) + 1) if count else ():
        room = _apportion(int(sizes[own].sum()), list(fractions.values()))
        chosen[own] = _fill(sizes[own], room)
        for i, split in enumerate(fractions):
            if not (chosen[own] == i).any():
                raise DataError(
                    f"class {classes[own[0]]} has {len(own)} distinct images, none of which is left for {split} when"
                    f" they are shared out as {dict(fractions)}",
                    remedy="give more images of this class, or files for each split",
                )
    where = chosen[member]
    return {split: np.flatnonzero(where == i).astype(np.int64) for i, split in enumerate(fractions)}


def _in_order(seed: int, indices: NDArray[np.int32], classes: Indices) -> NDArray[np.int32]:
    """Class by class, and within one by rank: int32."""
    (ranks,) = _ranks(seed, indices, 1)
    order = np.lexsort((ranks, classes)).astype(np.int32)  # the last key counts most
    ranks = ranks[order]
    if (ranks[1:] == ranks[:-1]).any():  # 64 bits of SHA-256: hardly ever
        order = np.lexsort((*_ranks(seed, indices, 4), classes)).astype(np.int32)
    return order


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
    if (sizes == 1).all() and min(room) > 0:
        return np.repeat(np.arange(len(room), dtype=np.int8), room)
    room, empty = list(room), set(range(len(room)))
    chosen = np.empty(len(sizes), np.int8)
    for place, size in enumerate(sizes.tolist()):
        split = next((i for i, free in enumerate(room) if free >= size), max(range(len(room)), key=room.__getitem__))
        if len(empty) == len(sizes) - place and empty:
            split = min(empty)
        empty.discard(split)
        chosen[place] = split
        room[split] -= size
    return chosen
