"""The pictures of a report: samples of every class, augmented samples, predictions right and wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podium.config import AugmentConfig, Candidate
from podium.data import Dataset
from podium.evaluation.evaluate import Evaluation
from podium.report.pictures import Picture, picture
from podium.report.text import augmentation

PER_CLASS = 6
CLASSES = 24
ORIGINALS = 3
AUGMENTED = 5
MISTAKES = 12
HITS = 6


@dataclass(frozen=True)
class ClassSamples:
    """Training images of one class."""

    name: str
    count: int
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Augmented:
    """What one augmentation makes of some training images; ``candidates`` share it. Rows: the original, then five."""

    candidates: tuple[str, ...]
    description: str
    rows: tuple[tuple[Picture, ...], ...]


@dataclass(frozen=True)
class Probability:
    """One bar of a prediction."""

    name: str
    share: float
    is_true: bool
    is_predicted: bool


@dataclass(frozen=True)
class Prediction:
    """One predicted image with its most probable classes (and the true one)."""

    index: int
    picture: Picture
    true: str
    predicted: str
    correct: bool
    bars: tuple[Probability, ...]


def class_samples(dataset: Dataset) -> tuple[ClassSamples, ...]:
    """The first images of each class in the training split, for the first classes."""
    split = dataset["train"]
    labels = np.asarray(split.labels)
    names = dataset.manifest.class_names
    result = []
    for label, name in enumerate(names[:CLASSES]):
        indices = np.flatnonzero(labels == label)
        shown = tuple(picture(split.images[i], f"{name}, training image {i}") for i in indices[:PER_CLASS])
        result.append(ClassSamples(name, len(indices), shown))
    return tuple(result)


def augmented_samples(
    dataset: Dataset, candidates: Mapping[str, Candidate], order: Sequence[str], seed: int
) -> tuple[tuple[Augmented, ...], tuple[str, ...]]:
    """One group for each different augmentation, in the given order, and the candidates that use none."""
    groups: dict[AugmentConfig, list[str]] = {}
    for name in order:
        if name in candidates:
            groups.setdefault(candidates[name].trainer.augment, []).append(name)
    plain = tuple(groups.pop(AugmentConfig(), []))
    labels = np.asarray(dataset["train"].labels)
    firsts = [int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels)]
    indices = firsts[:: max(1, len(firsts) // ORIGINALS)][:ORIGINALS]
    shown = tuple(
        Augmented(tuple(names), augmentation(config), _augment(dataset, indices, config, seed))
        for config, names in groups.items()
    )
    return shown, plain


def _augment(
    dataset: Dataset, indices: Sequence[int], config: AugmentConfig, seed: int
) -> tuple[tuple[Picture, ...], ...]:
    import torch

    from podium.training.augment import Samples, augment_batch

    samples = Samples(torch.arange(AUGMENTED), epoch=1, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for i in indices:
        image = np.array(dataset["train"].images[i])
        name = dataset.manifest.class_names[int(dataset["train"].labels[i])]
        batch = torch.from_numpy(np.repeat(image[None], AUGMENTED, axis=0))
        changed = np.asarray(augment_batch(batch, config, generator, samples))
        pictures = [picture(image, f"{name}, original")]
        pictures += [picture(new, f"{name}, augmented") for new in changed]
        rows.append(tuple(pictures))
    return tuple(rows)


def predictions(dataset: Dataset, evaluation: Evaluation) -> tuple[tuple[Prediction, ...], tuple[Prediction, ...]]:
    """The surest mistakes first, and hits spread evenly from the surest to the least sure."""
    table = evaluation.probabilities
    split = dataset[evaluation.metrics.split]
    labels = np.asarray(split.labels)
    predicted = table.argmax(axis=1)
    sureness = table.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-sureness[wrong], kind="stable")][:MISTAKES]
    right = np.flatnonzero(predicted == labels)
    right = right[np.argsort(-sureness[right], kind="stable")]
    right = right[np.unique(np.linspace(0, len(right) - 1, HITS).round().astype(int))] if len(right) else right
    names = dataset.manifest.class_names

    def one(i: int) -> Prediction:
        return _prediction(i, split.images[i], names, table[i], int(labels[i]))

    return tuple(one(int(i)) for i in wrong), tuple(one(int(i)) for i in right)


def _prediction(
    index: int, image: NDArray[np.uint8], names: Sequence[str], row: NDArray[np.float32], truth: int
) -> Prediction:
    order = [int(i) for i in np.argsort(-row, kind="stable")]
    shown = order[:3] if truth in order[:3] else [*order[:2], truth]
    predicted = order[0]
    return Prediction(
        index=index,
        picture=picture(image, f"image {index}: {names[truth]}, predicted {names[predicted]}"),
        true=names[truth],
        predicted=names[predicted],
        correct=predicted == truth,
        bars=tuple(Probability(names[i], float(row[i]), i == truth, i == predicted) for i in shown),
    )
