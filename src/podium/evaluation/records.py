"""What examining a model finds out; small, typed, JSON-serializable."""

from __future__ import annotations

from typing import Literal

from podium.config.base import Frozen
from podium.results import SplitName

SliceKind = Literal["brightness", "contrast", "class"]


class Slice(Frozen):
    """Part of a split by a property of its images, and whether the model is worse on it than on the rest."""

    kind: SliceKind
    name: str
    """``low``, ``middle``, ``high``, or the class."""
    low: float | None = None
    """Of the statistic, on [0, 1]; the slice holds values in ``(low, high]``, the first also its lower end."""
    high: float | None = None
    count: int
    accuracy: float
    accuracy_low: float
    """Lower end of the 95 % Wilson interval."""
    accuracy_high: float
    rest: float | None
    """Accuracy on all other images; null where there are none."""
    p_value: float
    """Fisher's exact test, one-sided: of being no worse than the rest."""
    p_adjusted: float
    """By Holm's correction over all slices."""
    weak: bool
    """``p_adjusted`` is at most 0.05."""


class CorruptionAccuracy(Frozen):
    """Accuracy under one corruption at one severity."""

    name: str
    group: str
    severity: int
    accuracy: float


class Robustness(Frozen):
    """Accuracy on corrupted images."""

    count: int
    """Images of the subset."""
    seed: int
    clean_accuracy: float
    """Of the same images as they are."""
    mean_accuracy: float
    """Over all corruptions and severities."""
    relative_accuracy: float | None
    """``mean_accuracy`` over ``clean_accuracy``; null where that is 0."""
    corruptions: tuple[CorruptionAccuracy, ...]


class Latency(Frozen):
    """Wall time of single predictions on the CPU, from uint8 images to probabilities."""

    batch: int
    """Images a prediction."""
    repetitions: int
    p50: float
    """Milliseconds a prediction."""
    p95: float
    throughput: float
    """Images a second, of the mean time."""


class Timing(Frozen):
    """What differs when it is measured again, or elsewhere."""

    train_seconds: float
    """Wall time in which the training computed, on ``device``."""
    device_seconds: float
    """``train_seconds`` times the devices that computed."""
    device: str
    hardware: str
    """Where the latencies were measured."""
    threads: int
    """CPU threads of each prediction."""
    latency: tuple[Latency, ...]


class Cost(Frozen):
    """What a model takes."""

    parameters: int
    """Including BatchNorm's running statistics, as Keras counts."""
    flops: int
    """To predict one image, all views of it; two for each multiply-add."""
    file_bytes: int
    """Of the weights' file."""
    timing: Timing


class Gap(Frozen):
    """The model on images that it was trained on, as they are, beside the split."""

    count: int
    """Training images looked at."""
    train_accuracy: float
    train_loss: float
    accuracy: float
    """On the split."""
    loss: float


class SaliencySample(Frozen):
    """One image of which a saliency map was made."""

    index: int
    """In its split."""
    true: str
    predicted: str
    """The class that the map is for."""
    probability: float
    """Of the predicted class."""


class Findings(Frozen):
    """All that an examination finds but the maps themselves."""

    candidate: str
    split: SplitName
    data_digest: str
    seed: int
    slices: tuple[Slice, ...]
    robustness: Robustness
    gap: Gap
    cost: Cost
    saliency: tuple[SaliencySample, ...]
    """The surest mistakes first, then images that were classified correctly."""
    saliency_layer: str | None
    """Of the feature map; null if none was found."""
    notes: tuple[str, ...] = ()
    """What could not be found out, and why."""
    seconds: float
    """That the examination took."""
