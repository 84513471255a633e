"""Whether a classifier is as sure as it is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.results import ReliabilityBin

BINS: Final = 15
"""As in Guo et al. 2017, table 1."""


def reliability(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Images by the probability of their predicted class, in bins of equal width: the reliability diagram.

    A bin holds its upper edge and not its lower one (Guo et al. 2017, arXiv 1706.04599, section 2).

    Args:
        probabilities: N×C, rows summing to 1.
        labels: N integers in ``[0, C)``.
        bins: Their number.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    sums = np.bincount(place, confidence, minlength=bins)
    hits = np.bincount(place, correct, minlength=bins)
    return tuple(
        ReliabilityBin(
            low=i / bins,
            high=(i + 1) / bins,
            count=int(count),
            confidence=min(1.0, float(sums[i] / count)) if count else None,  # float32 may sum to a hair above 1
            accuracy=float(hits[i] / count) if count else None,
        )
        for i, count in enumerate(counts)
    )


def expected_calibration_error(diagram: Sequence[ReliabilityBin]) -> float:
    """Mean distance of accuracy and confidence over the images, bin by bin (ECE; Naeini et al. 2015; Guo et al. 2017).

    Raises:
        ValueError: There is no image.
    """
    total = sum(entry.count for entry in diagram)
    if not total:
        raise ValueError("no images, so no calibration error")
    gaps = (
        entry.count * abs(entry.accuracy - entry.confidence)
        for entry in diagram
        if entry.accuracy is not None and entry.confidence is not None
    )
    return sum(gaps) / total


def brier_score(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Mean squared distance of the probabilities from the truth, summed over classes: from 0 to 2 (Brier 1950)."""
    distance = probabilities.astype(np.float64)
    distance[np.arange(len(labels)), labels] -= 1
    return float(np.square(distance).sum(axis=1).mean())
