"""Accuracy on corrupted images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data import Split
from podium.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from podium.evaluation.records import CorruptionAccuracy, Robustness

IMAGES: Final = 1_000
"""At most: with so many, the standard error of one accuracy is 1.6 points at most, that of the mean far less."""
LEAST: Final = 100
WORK: Final = 1e13
"""Floating-point operations that the predictions may take, unless that leaves fewer than ``LEAST`` images. A count
rather than a time, so that another run looks at the same images."""
SHARE: Final = 0.1
"""Of the training's work that they may take, likewise; a training step counts as three predictions."""
_BLOCK_BYTES: Final = 64 * 1024 * 1024
"""Of images as floating-point numbers."""

Predict = Callable[[NDArray[np.uint8]], NDArray[np.floating]]
"""uint8 N×H×W×3 → probabilities N×C."""


def affordable(flops: int, trained: int) -> int:
    """Images that a model is measured on.

    Args:
        flops: Operations that it takes an image.
        trained: Images that it was shown in training, each time counted.
    """
    passes = len(CORRUPTIONS) * len(SEVERITIES) + 1
    work = min(WORK / max(1, flops), SHARE * 3 * trained)
    return min(IMAGES, max(LEAST, int(work / passes)))


def measure_robustness(predict: Predict, split: Split, *, seed: int, most: int = IMAGES) -> Robustness:
    """Predict a random subset of a split under every corruption at every severity.

    Args:
        predict: The model.
        split: The images; at least one.
        seed: Of the subset and of the corruptions.
        most: Images of the subset at most; of an equal seed a smaller one is a part of a larger one.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(split))[:most])
    hits: dict[tuple[str, int], int] = {(name, severity): 0 for name in CORRUPTIONS for severity in SEVERITIES}
    clean = 0
    step = max(1, _BLOCK_BYTES // (4 * int(np.prod(split.images.shape[1:]))))
    for start in range(0, len(chosen), step):
        indices = chosen[start : start + step]
        images, truth = np.asarray(split.images[indices]), np.asarray(split.labels[indices])
        clean += _hits(predict, images, truth)
        for name, severity in hits:
            changed = corrupt(images, name, severity, seed=seed, indices=indices.tolist())
            hits[name, severity] += _hits(predict, changed, truth)
    count = len(chosen)
    accuracy = clean / count
    mean = float(np.mean(list(hits.values()))) / count
    return Robustness(
        count=count,
        seed=seed,
        clean_accuracy=accuracy,
        mean_accuracy=mean,
        relative_accuracy=mean / accuracy if accuracy else None,
        corruptions=tuple(
            CorruptionAccuracy(name=name, group=CORRUPTIONS[name].group, severity=severity, accuracy=found / count)
            for (name, severity), found in hits.items()
        ),
    )


def _hits(predict: Predict, images: NDArray[np.uint8], truth: NDArray) -> int:
    return int(np.count_nonzero(predict(images).argmax(axis=1) == truth))
