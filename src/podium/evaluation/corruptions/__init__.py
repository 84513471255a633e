"""Corruptions in the style of CIFAR-10-C, made on the fly (Hendrycks & Dietterich 2019, arXiv 1903.12261).

Parameters are those that the paper's authors used for CIFAR-10 at severities 1, 3 and 5; lengths grow with the images.
Images are not those of CIFAR-10-C to the bit: other random numbers, and fog, motion blur and elastic are made anew.

A new corruption is one function with the decorator ``corruption``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.evaluation.corruptions import blur, digital, light, noise
from podium.evaluation.corruptions.registry import SEVERITIES, Corruption, Draws, registered

__all__ = ["CORRUPTIONS", "SEVERITIES", "Corruption", "blur", "corrupt", "digital", "light", "noise"]

CORRUPTIONS: Final = {entry.name: entry for entry in registered()}
"""By name, in the order of reports."""


def corrupt(
    images: NDArray[np.uint8], name: str, severity: int, *, seed: int, indices: Sequence[int]
) -> NDArray[np.uint8]:
    """Spoil images. Each depends on nothing but itself, its index and the seed.

    Args:
        images: uint8 N×H×W×3.
        name: One of ``CORRUPTIONS``.
        severity: One of ``SEVERITIES``.
        seed: Of all random numbers.
        indices: N numbers, one an image, such as its place in its split.

    Returns:
        uint8 N×H×W×3.

    Raises:
        KeyError: There is no such corruption.
        ValueError: There is no such severity, or there are not as many indices as images.
    """
    if len(indices) != len(images):
        raise ValueError(f"{len(indices)} indices for {len(images)} images")
    if not len(images):
        return images.copy()
    values = np.asarray(images).astype(np.float32) / np.float32(255)
    changed = CORRUPTIONS[name].change(values, severity, Draws(seed, name, indices))
    return np.rint(np.clip(changed, 0, 1) * 255).astype(np.uint8)
