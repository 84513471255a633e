"""From probabilities and labels to figures: a pure function, no model and no files."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from podium.errors import TrainingFailed
from podium.evaluation.calibration import brier_score, expected_calibration_error, reliability
from podium.results import ClassMetrics, Metrics, SplitName

_Z95 = 1.959963984540054
"""The normal distribution's 97.5 % quantile."""


def metrics_from_probabilities(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    candidate: str,
    split: SplitName,
    data_digest: str,
    class_names: tuple[str, ...],
    milliseconds_per_image: float = 0.0,
) -> Metrics:
    """Compute every figure of one candidate on one split.

    The predicted class is the most probable one (the first of equals). Precision, recall and F1 are 0 where they are
    undefined; the macro averages go over the classes that have images in this split, the weighted ones over all images.

    Args:
        probabilities: N×C, rows summing to 1 (within 0.001).
        labels: N integers in ``[0, C)``.
        candidate: Name of the candidate.
        split: Name of the split.
        data_digest: Identity of the data version.
        class_names: C names in label order.
        milliseconds_per_image: As measured by the caller.

    Raises:
        TrainingFailed: A probability is NaN or infinite: the network has diverged.
        ValueError: Shapes, label range or row sums are wrong, or there are no images.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    table = np.asarray(probabilities)
    truth = np.asarray(labels)
    _check(table, truth, classes=len(class_names), where=f"{candidate} on {split}")
    predicted = table.argmax(axis=1)
    every = np.arange(len(class_names))
    precision, recall, f1, support = precision_recall_fscore_support(truth, predicted, labels=every, zero_division=0)
    confusion = confusion_matrix(truth, predicted, labels=every)
    present = support > 0
    diagram = reliability(table, truth)
    correct = int(np.trace(confusion))
    low, high = wilson_interval(correct, len(truth))
    return Metrics(
        candidate=candidate,
        split=split,
        data_digest=data_digest,
        count=len(truth),
        loss=cross_entropy(table, truth),
        accuracy=correct / len(truth),
        accuracy_low=low,
        accuracy_high=high,
        macro_precision=float(precision[present].mean()),
        macro_recall=float(recall[present].mean()),
        macro_f1=float(f1[present].mean()),
        weighted_precision=float(np.average(precision, weights=support)),
        weighted_recall=float(np.average(recall, weights=support)),
        weighted_f1=float(np.average(f1, weights=support)),
        ece=expected_calibration_error(diagram),
        brier=brier_score(table, truth),
        reliability=diagram,
        per_class=tuple(
            ClassMetrics(
                name=name,
                precision=float(precision[i]),
                recall=float(recall[i]),
                f1=float(f1[i]),
                support=int(support[i]),
            )
            for i, name in enumerate(class_names)
        ),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        milliseconds_per_image=milliseconds_per_image,
    )


def cross_entropy(probabilities: NDArray, labels: NDArray) -> float:
    """Mean negative log probability of the true class, in nats.

    A probability is taken as at least float32's resolution (1.2e-7), so that one sure mistake costs 15.9 nats
    and not infinity.
    """
    floor = float(np.finfo(np.float32).eps)
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(true, floor, 1.0)).mean())


def wilson_interval(correct: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion; it lies within [0, 1] and contains ``correct / count``.

    Args:
        correct: Of ``count``.
        count: Of trials.
        level: Coverage, in (0, 1).

    Raises:
        ValueError: ``count`` is not positive, or ``correct`` is not in ``[0, count]``.
    """
    if count <= 0 or not 0 <= correct <= count:
        raise ValueError(f"{correct} of {count} is no proportion")
    share = correct / count
    z = _Z95 if level == 0.95 else NormalDist().inv_cdf(0.5 + level / 2)
    z2 = z * z
    scale = 1 + z2 / count
    centre = (share + z2 / (2 * count)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    # Rounding may put an end of 0 % or 100 % a hair inside: the observed share always belongs to the interval.
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))


def _check(table: NDArray, truth: NDArray, *, classes: int, where: str) -> None:
    if table.ndim != 2 or table.shape[1] != classes or not np.issubdtype(table.dtype, np.floating):
        raise ValueError(f"{where}: probabilities are {table.dtype} of shape {table.shape}, not N×{classes} floats")
    if truth.shape != (len(table),) or not np.issubdtype(truth.dtype, np.integer):
        raise ValueError(f"{where}: labels are {truth.dtype} of shape {truth.shape} for {len(table)} predictions")
    if len(truth) == 0:
        raise ValueError(f"{where}: no images")
    if truth.min() < 0 or truth.max() >= classes:
        raise ValueError(f"{where}: labels reach from {truth.min()} to {truth.max()}; there are {classes} classes")
    finite = np.isfinite(table).all(axis=1)
    if not finite.all():
        raise TrainingFailed(
            f"{where}: {np.count_nonzero(~finite)} of {len(table)} predictions are not finite",
            remedy="the network has diverged: lower the learning rate of its recipe",
        )
    sums = table.sum(axis=1, dtype=np.float64)
    if table.min() < 0 or np.abs(sums - 1).max() > 1e-3:
        raise ValueError(f"{where}: rows are no probabilities (sums from {sums.min():.4g} to {sums.max():.4g})")
