"""Can a classifier tell from the network's features which side an image is from?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FOLDS: Final = 5
_RIDGE: Final = 1.0
"""Penalty for each training image, on standardized features: about as strong as the data themselves."""
_COLUMNS: Final = 256
"""Permutations at a time."""


@dataclass(frozen=True)
class Embedding:
    """Outcome of the classifier two-sample test."""

    auc: float
    """Area under the ROC curve of out-of-fold scores; 0.5 is chance, below is chance too."""
    p_value: float
    reference_scores: NDArray[np.float64]
    """float64 N: how much an image looks like one of the current side, to a classifier that has not seen it."""
    current_scores: NDArray[np.float64]
    """float64 M."""
    null_deviation: float
    """Standard deviation of the area over the permutations; larger than Mann and Whitney's, which takes scores as
    independent, since the images of a fold are scored by one regression."""


def classifier_test(
    reference: NDArray[np.floating],
    current: NDArray[np.floating],
    *,
    permutations: int,
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> Embedding:
    """Classifier two-sample test (Lopez-Paz & Oquab 2017) with an exact permutation p-value.

    A ridge regression of the side on standardized features is fitted on four fifths of the images and scores the
    fifth that it has not seen, five times over; the statistic is the area under the ROC curve of all scores. The
    solution is linear in the labels, so it is fitted anew for every permutation at the cost of a matrix product: no
    half of the images is given away for testing.
    p = (b + 1) / (m + 1) with b permutations at least as extreme (Phipson & Smyth 2010).

    Args:
        reference: N×F.
        current: M×F.
        permutations: m.
        seed: Of folds and permutations.
        groups: int64 N+M, reference first: images of one group (identical ones) come into the same fold.
    """
    n, total = len(reference), len(reference) + len(current)
    rng = np.random.default_rng(seed)
    # In random order, so that equal scores are not ranked by side.
    order = rng.permutation(total)
    features = _standardize(np.concatenate([reference, current])[order])
    folds = _folds(np.arange(total) if groups is None else groups[order], rng)
    side = (order >= n).astype(np.float32)
    columns = [side, *(rng.permutation(side) for _ in range(permutations))]
    areas = []
    scores = np.empty(total)
    for start in range(0, len(columns), _COLUMNS):
        labels = np.stack(columns[start : start + _COLUMNS], axis=1)
        out = _out_of_fold(features, labels, folds)
        areas.append(roc_areas(out, labels))
        if start == 0:
            scores[order] = out[:, 0]
    area = np.concatenate(areas)
    above = int((area[1:] >= area[0] - 1e-9).sum())
    p_value = (above + 1) / (permutations + 1)
    return Embedding(float(area[0]), p_value, scores[:n], scores[n:], float(area[1:].std()))


def _standardize(features: NDArray[np.floating]) -> NDArray[np.float32]:
    """Mean 0 and standard deviation 1 over both sides together; constant features become 0."""
    wide = features.astype(np.float64)
    deviation = wide.std(axis=0)
    scaled = np.divide(wide - wide.mean(axis=0), deviation, out=np.zeros_like(wide), where=deviation > 1e-9)
    return scaled.astype(np.float32)


def _folds(groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    _, index = np.unique(groups, return_inverse=True)
    return (rng.permutation(int(index.max()) + 1) % FOLDS)[index]


def _out_of_fold(
    features: NDArray[np.float32], labels: NDArray[np.float32], folds: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Score every image, for every column of labels, by regressions on the other folds: float32 T×P."""
    out = np.zeros_like(labels)
    for fold in np.unique(folds):
        test = folds == fold
        x, y = features[~test], labels[~test]
        mean = x.mean(axis=0)
        x = x - mean
        gram = x.T @ x
        gram[np.diag_indices_from(gram)] += np.float32(_RIDGE * max(1, len(x)))
        weights = np.linalg.solve(gram, x.T @ (y - y.mean(axis=0)))
        out[test] = (features[test] - mean) @ weights
    return out


def roc_areas(scores: NDArray[np.floating], labels: NDArray[np.floating]) -> NDArray[np.float64]:
    """Area under the ROC curve of every column: the Mann-Whitney statistic over the number of pairs.

    Args:
        scores: T×P.
        labels: T×P of 0 and 1, both in every column.
    """
    places = np.argsort(np.ascontiguousarray(scores.T), axis=1)
    ranked = np.take_along_axis(np.ascontiguousarray(labels.T), places, axis=1)
    positive = labels.sum(axis=0, dtype=np.float64)
    sums = ranked.astype(np.float64) @ np.arange(1, len(scores) + 1, dtype=np.float64)
    area: NDArray[np.float64] = (sums - positive * (positive + 1) / 2) / (positive * (len(scores) - positive))
    return area
