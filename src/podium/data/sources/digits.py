"""The embedded data set: scikit-learn's handwritten digits, 1,797 real images of 10 classes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from podium.data.duplicates import group_identical
from podium.data.items import Items
from podium.data.manifest import Manifest
from podium.data.splits import Indices, stratified_split
from podium.data.writing import write_dataset

SIDE: Final = 32
SEED: Final = 0
FRACTIONS: Final = {"train": 0.70, "validation": 0.15, "test": 0.15}


def import_digits(target: Path) -> Manifest:
    """Write the digits as a data set of 32×32 RGB; the same bytes on every machine.

    The 8×8 images of 0…16 are scaled to 0…255 and enlarged bilinearly. The splits are stratified with a fixed seed.

    Args:
        target: Folder of the data set; an existing one is replaced as a whole.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    images = np.stack([_enlarge(image) for image in raw.images])
    labels = raw.target.astype(np.int64)
    parts = stratified_split(labels, FRACTIONS, SEED, groups=group_identical(images))
    return write_dataset(
        target,
        {split: (images[indices], labels[indices]) for split, indices in parts.items()},
        name="digits",
        class_names=[str(digit) for digit in range(10)],
        source="Optical Recognition of Handwritten Digits (UCI), test part, as shipped with scikit-learn;"
        f" 8×8 enlarged to {SIDE}×{SIDE}",
        licence="CC-BY-4.0",
        items={split: _items(indices) for split, indices in parts.items()},
    )


def _items(indices: Indices) -> Items:
    """Of the original 8×8 images, by their number in scikit-learn's array."""
    count = len(indices)
    size = np.full(count, 8, np.int32)
    names = [f"load_digits#{index}" for index in indices.tolist()]
    return Items(names, size, size, ["L"] * count, [""] * count, np.zeros(count, np.uint8), [""] * count)


def _enlarge(image: NDArray[np.float64]) -> NDArray[np.uint8]:
    """8×8 of 0…16 to 32×32×3 of 0…255."""
    gray = ((image.astype(np.int64) * 255 + 8) // 16).astype(np.uint8)
    large = Image.fromarray(gray).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.repeat(np.asarray(large)[..., None], 3, axis=2)
