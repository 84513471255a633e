"""Exact duplicates, and what else belongs together: which images are the same, byte for byte, or of one group."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Groups = NDArray[np.int32] | NDArray[np.int64]
"""A number for each of N images; those of equal number belong together."""
_RANGE_BITS: Final = 17
"""Keys of one range, about so many bits of them."""
Digests = NDArray[np.uint64]
"""N×2: 128 bits an image."""


def digest_images(images: NDArray[np.uint8]) -> list[bytes]:
    """Return a 128-bit digest of every image's pixels (uint8, N×H×W×3)."""
    rows = np.ascontiguousarray(images).reshape(len(images), int(np.prod(images.shape[1:])))
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]


def digest_array(images: NDArray[np.uint8]) -> Digests:
    """The digests of ``digest_images`` in one array: uint64, N×2."""
    return np.frombuffer(b"".join(digest_images(images)), "<u8").reshape(-1, 2)


def number_groups(digests: Sequence[bytes]) -> NDArray[np.int64]:
    """Number the digests by first appearance: equal digests get equal numbers (int64, N)."""
    numbers: dict[bytes, int] = {}
    return np.fromiter((numbers.setdefault(digest, len(numbers)) for digest in digests), np.int64, len(digests))


def number_digests(digests: Digests) -> NDArray[np.int32]:
    """``number_groups`` of an array: int32, N; by sorting, so that a million images take no dictionary."""
    keys = np.ascontiguousarray(digests[:, 0])
    first = first_equal(keys)
    later = np.flatnonzero(first != np.arange(len(first), dtype=np.int32))
    if (digests[later, 1] != digests[first[later], 1]).any():  # they agree in half of their bits alone
        order = np.lexsort((digests[:, 1], digests[:, 0]))
        first[order] = _firsts(order, (digests[order[1:]] == digests[order[:-1]]).all(axis=1))
    return number_by_first(first)


def first_equal(keys: NDArray[np.uint64]) -> NDArray[np.int32]:
    """For each key (N hashes, spread evenly), the place of the first equal one: int32, N.

    They are sorted range by range, so that it takes little memory beside the result.
    """
    first = np.empty(len(keys), np.int32)
    width = 1 << (64 - max(0, len(keys).bit_length() - _RANGE_BITS))
    for low in range(0, 1 << 64, width):
        own = np.flatnonzero((keys >= np.uint64(low)) & (keys <= np.uint64(low + width - 1)))
        ordered = keys[own]
        turn = np.argsort(ordered, kind="stable")
        own, ordered = own[turn], ordered[turn]
        first[own] = _firsts(own, ordered[1:] == ordered[:-1])
    return first


def number_by_first(first: NDArray[np.int32]) -> NDArray[np.int32]:
    """From the place of the first of its group (int32, N) to numbers by first appearance (int32, N)."""
    return (np.cumsum(first == np.arange(len(first), dtype=np.int32), dtype=np.int32) - np.int32(1))[first]


def _firsts(order: NDArray[np.int64], same: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For N places in order, the first of the run that each is in; ``same`` tells of N-1 whether they go on a run."""
    begins = np.arange(len(order))
    begins[1:][same] = 0
    return order[np.maximum.accumulate(begins)]


def by_first_appearance(numbers: Groups) -> NDArray[np.int64]:
    """Renumber groups (int64, N) so that the first image's is 0, the next other one 1, and so on."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def join_groups(one: Groups, other: Groups) -> NDArray[np.int64]:
    """Unite two ways of grouping N images: who shares a number in either is in one group, and so on in turn."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = by_first_appearance(one), by_first_appearance(other)
    left = int(one.max(initial=-1)) + 1
    nodes = left + int(other.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(one), np.int8), (one, other + left)), shape=(nodes, nodes))
    _, labels = connected_components(edges, directed=False)
    return by_first_appearance(labels[one].astype(np.int64))


def group_identical(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number the images so that identical ones get the same number (int64, N)."""
    return number_groups(digest_images(images))
