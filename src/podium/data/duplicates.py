"""Exact duplicates, and what else belongs together: which images are the same, byte for byte, or of one group."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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


def number_digests(digests: Digests) -> NDArray[np.int64]:
    """``number_groups`` of an array: by sorting, so that a million images take no dictionary."""
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(begins) - 1
    return by_first_appearance(numbers)


def by_first_appearance(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Renumber groups (int64, N) so that the first image's is 0, the next other one 1, and so on."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def join_groups(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
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
