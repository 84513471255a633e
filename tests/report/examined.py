"""An examination for reports."""

from __future__ import annotations

import numpy as np

from podium.data import Dataset
from podium.evaluation import Evaluation
from podium.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from podium.evaluation.examine import Examination
from podium.evaluation.records import CorruptionAccuracy, Findings, Gap, Robustness, SaliencySample
from podium.evaluation.saliency import choose
from podium.evaluation.slices import slices
from tests.evaluation.made import cost


def examination(dataset: Dataset, evaluation: Evaluation) -> Examination:
    """What is quick is computed, the rest is made up."""
    metrics, table = evaluation.metrics, evaluation.probabilities
    part = dataset[metrics.split]
    names = dataset.manifest.class_names
    chosen = choose(table, np.asarray(part.labels), seed=0)
    accuracies = tuple(
        CorruptionAccuracy(
            name=name, group=entry.group, severity=severity, accuracy=metrics.accuracy * (1 - severity * place / 70)
        )
        for place, (name, entry) in enumerate(CORRUPTIONS.items())
        for severity in SEVERITIES
    )
    mean = float(np.mean([one.accuracy for one in accuracies]))
    height, width = part.images.shape[1:3]
    y, x = np.mgrid[:height, :width]
    spots = [np.exp(-((x - 3 * i % width) ** 2 + (y - height / 2) ** 2) / 50) for i in range(len(chosen))]
    findings = Findings(
        candidate=metrics.candidate,
        split=metrics.split,
        data_digest=metrics.data_digest,
        seed=0,
        slices=slices(part.images, part.labels, table.argmax(1), names),
        robustness=Robustness(
            count=metrics.count,
            seed=0,
            clean_accuracy=metrics.accuracy,
            mean_accuracy=mean,
            relative_accuracy=mean / metrics.accuracy,
            corruptions=accuracies,
        ),
        gap=Gap(count=30, train_accuracy=0.98, train_loss=0.1, accuracy=metrics.accuracy, loss=metrics.loss),
        cost=cost(),
        saliency=tuple(
            SaliencySample(
                index=int(i),
                true=names[part.labels[i]],
                predicted=names[table[i].argmax()],
                probability=float(table[i].max()),
            )
            for i in chosen
        ),
        saliency_layer="backbone",
        seconds=12.0,
    )
    return Examination(findings, np.array(spots, np.float32).reshape(-1, height, width))
