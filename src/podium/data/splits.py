"""Stratified splits that depend on the labels and a seed alone, on every machine and with every library version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from podium.errors import DataError

Indices = NDArray[np.int64]


def stratified_split(
    labels: NDArray[np.int64],
    fractions: Mapping[str, float],
    seed: int,
    *,
    groups: NDArray[np.int64] | None = None,
) -> dict[str, Indices]:
    """Divide images among splits so that each class is divided in the same proportions.

    The order within a class is that of SHA-256 over seed and position, so no random generator's history matters.

    Args:
        labels: int64, N.
        fractions: Share of every split, in the order in which they are filled; the shares add up to 1.
        seed: Another seed gives another division.
        groups: int64, N; images of equal number (duplicates) come into the same split, with the class of the first.

    Returns:
        Sorted indices (int64) of each split; together every index once.

    Raises:
        DataError: The shares do not add up to 1, or a class is too small for each split to get one of it.
    """
    if abs(sum(fractions.values()) - 1) > 1e-9 or min(fractions.values()) <= 0:
        raise DataError(f"shares of the splits are {dict(fractions)}", remedy="give positive shares that add up to 1")
    by_class: dict[int, list[list[int]]] = {}
    for group in _members(len(labels), groups):
        by_class.setdefault(int(labels[group[0]]), []).append(group)
    parts: dict[str, list[int]] = {split: [] for split in fractions}
    for label, own in sorted(by_class.items()):
        own.sort(key=lambda group: _rank(seed, group[0]))
        counts = _apportion(sum(map(len, own)), list(fractions.values()))
        chosen = _fill(own, dict(zip(fractions, counts, strict=True)))
        for split, indices in chosen.items():
            if not indices:
                raise DataError(
                    f"class {label} has {len(own)} distinct images, none of which is left for {split} when they are"
                    f" shared out as {dict(fractions)}",
                    remedy="give more images of this class, or files for each split",
                )
            parts[split].extend(indices)
    return {split: np.sort(np.asarray(indices, np.int64)) for split, indices in parts.items()}


def _members(count: int, groups: NDArray[np.int64] | None) -> list[list[int]]:
    if groups is None:
        return [[index] for index in range(count)]
    found: dict[int, list[int]] = {}
    for index, group in enumerate(groups.tolist()):
        found.setdefault(group, []).append(index)
    return list(found.values())


def _rank(seed: int, index: int) -> bytes:
    return hashlib.sha256(f"{seed}/{index}".encode()).digest()


def _apportion(count: int, shares: list[float]) -> list[int]:
    """Whole numbers that add up to ``count``, as near to the shares as can be (largest remainders)."""
    exact = [count * share for share in shares]
    whole = [int(value + 1e-9) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: (whole[i] - exact[i], i))
    for i in by_remainder[: count - sum(whole)]:
        whole[i] += 1
    return whole


def _fill(groups: list[list[int]], room: dict[str, int]) -> dict[str, list[int]]:
    """Put groups one after the other into the first split that still has room for the whole of it."""
    chosen: dict[str, list[int]] = {split: [] for split in room}
    for group in groups:
        split = next((name for name, free in room.items() if free >= len(group)), max(room, key=lambda n: room[n]))
        chosen[split].extend(group)
        room[split] -= len(group)
    return chosen
