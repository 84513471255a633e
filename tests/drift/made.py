"""Small populations of made images: a blurred pattern of random colour, whose class is its strongest channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from podium.data import write_dataset

NAMES = ("red", "green", "blue")
SIDE = 16


def made_images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    coarse = rng.integers(20, 180, (count, 4, 4, 3))
    images = coarse.repeat(SIDE // 4, 1).repeat(SIDE // 4, 2) + rng.integers(0, 20, (count, SIDE, SIDE, 3))
    images[np.arange(count), :, :, labels] += 50
    return images.astype(np.uint8), labels.astype(np.int64)


def made_dataset(folder: Path, images: np.ndarray, labels: np.ndarray, names: tuple[str, ...] = NAMES) -> Path:
    """20 images for training, the others for validation and test."""
    half = 20 + (len(labels) - 20) // 2
    parts = {"train": slice(0, 20), "validation": slice(20, half), "test": slice(half, None)}
    write_dataset(
        folder, {split: (images[rows], labels[rows]) for split, rows in parts.items()},
        name="made", class_names=names, source="made", licence="CC0-1.0",
    )  # fmt: skip
    return folder


def made_files(folder: Path, images: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index:04d}.png")
    return folder
