"""How much better a model is on images that it was trained on."""

from __future__ import annotations

import numpy as np

from podium.data import Split
from podium.evaluation.metrics import cross_entropy
from podium.evaluation.records import Gap
from podium.evaluation.robustness import Predict
from podium.results import Metrics


def measure_gap(predict: Predict, train: Split, metrics: Metrics, *, seed: int) -> Gap:
    """Predict a random subset of the training images, as they are, and put it beside the figures of another split.

    Args:
        predict: The model.
        train: At least one image.
        metrics: Of the other split.
        seed: Of the subset, which has as many images as the other split, if there are so many.
    """
    count = min(metrics.count, len(train))
    chosen = np.sort(np.random.default_rng(seed).choice(len(train), count, replace=False))
    truth = np.asarray(train.labels[chosen])
    table = predict(np.asarray(train.images[chosen]))
    return Gap(
        count=count,
        train_accuracy=float(np.mean(table.argmax(axis=1) == truth)),
        train_loss=cross_entropy(np.asarray(table), truth),
        accuracy=metrics.accuracy,
        loss=metrics.loss,
    )
