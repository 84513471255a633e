"""What images are by their pixels, whatever their data set is called: digests of rows, and of a test split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.duplicates import digest_array
from podium.data.manifest import Manifest
from podium.data.store import Dataset
from podium.digest import digest_json
from podium.results import SplitName

Rows = NDArray[np.uint64]
"""The first 64 bits of BLAKE2b-128 of an image's pixels. Of a million training and a million test images two different
ones agree with a chance of 5e-8."""

_BLOCK: Final = 4096
"""Images digested at once."""


def row_digests(images: NDArray[np.uint8]) -> Rows:
    """uint8 N×H×W×3, which may be mapped from a file → uint64 N."""
    found = np.empty(len(images), np.uint64)
    for start in range(0, len(images), _BLOCK):
        found[start : start + _BLOCK] = digest_array(images[start : start + _BLOCK])[:, 0]
    return found


def seen_rows(dataset: Dataset, splits: Sequence[SplitName] = ("train", "validation")) -> Rows:
    """Digests of the rows that a model is trained and chosen on: sorted, each once."""
    return np.unique(np.concatenate([row_digests(dataset[split].images) for split in splits]))


def split_digest(manifest: Manifest, split: SplitName) -> str:
    """SHA-256 of a split's images and labels; file names, which no model sees, are left out."""
    info = manifest.splits[split]
    return digest_json({"images": info.images_sha256, "labels": info.labels_sha256})
