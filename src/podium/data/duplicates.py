"""Exact duplicates: which images are the same, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def digest_images(images: NDArray[np.uint8]) -> list[bytes]:
    """Return a 128-bit digest of every image's pixels (uint8, N×H×W×3)."""
    rows = np.ascontiguousarray(images).reshape(len(images), -1)
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]


def number_groups(digests: Sequence[bytes]) -> NDArray[np.int64]:
    """Number the digests by first appearance: equal digests get equal numbers (int64, N)."""
    numbers: dict[bytes, int] = {}
    return np.fromiter((numbers.setdefault(digest, len(numbers)) for digest in digests), np.int64, len(digests))


def group_identical(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number the images so that identical ones get the same number (int64, N)."""
    return number_groups(digest_images(images))
