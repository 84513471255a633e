"""What training and evaluation produce; small, typed, JSON-serializable."""

from __future__ import annotations

from typing import Literal

from podium.config.base import Frozen

SplitName = Literal["train", "validation", "test"]


class EpochRecord(Frozen):
    """One line of a training history. Losses in nats, learning rate as used in the epoch's last step."""

    phase: Literal["train", "head", "fine_tune"]
    epoch: int
    """From 1, counted through all phases."""
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    """Of the averaged weights, where there are any. With early stopping, of all views of an image (``model.views``), as
    the epoch is chosen by it; else of the image alone, in all epochs."""
    learning_rate: float
    seconds: float


class TrainingSummary(Frozen):
    """What one training run did."""

    candidate: str
    recipe: str
    parameters: int
    """Including BatchNorm's running statistics, as Keras counts."""
    trainable_parameters: int
    """Of the first phase, without BatchNorm's running statistics."""
    epochs: int
    best_epoch: int
    stopped_early: bool
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    """Of the finished network, with all views, in the precision of the training."""
    train_seconds: float
    """Device time spent in training and its validation passes, over all attempts."""
    images_per_second: float
    """Training images over training time, validation included."""
    device: str
    threads: int
    """CPU threads of each process."""
    processes: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    compiled: bool = False
    kernels: bool = False
    """Whether layers used Podium's own code for the CPU."""
    peak_memory: int | None = None
    """Bytes, of the first process: of tensors on a GPU; on the CPU all that it takes, mapped files included."""
    seed: int
    resumed_from: int | None
    """The last epoch of the checkpoint that this run continued, if it did."""
    warnings: tuple[str, ...] = ()
    """What was noticed without ending the training, with cause and remedy."""
    history: tuple[EpochRecord, ...]


class ClassMetrics(Frozen):
    """One row of the per-class report."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


class ReliabilityBin(Frozen):
    """Images whose predicted class has a probability in ``(low, high]``; means are null where there is none."""

    low: float
    high: float
    count: int
    confidence: float | None
    """Mean probability of the predicted class."""
    accuracy: float | None


class Metrics(Frozen):
    """Figures of one candidate on one split."""

    candidate: str
    split: SplitName
    data_digest: str
    count: int
    loss: float
    accuracy: float
    accuracy_low: float
    """Lower end of the 95 % Wilson interval."""
    accuracy_high: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    weighted_precision: float | None = None
    """Mean over the classes, weighted by their images. This and what follows up to ``reliability`` is null or empty
    only in files of before it was measured, such as those of benchmarks."""
    weighted_recall: float | None = None
    weighted_f1: float | None = None
    ece: float | None = None
    """Expected calibration error, of the bins of ``reliability``."""
    brier: float | None = None
    """Squared distance of the probabilities from the truth, summed over classes: from 0 to 2."""
    reliability: tuple[ReliabilityBin, ...] = ()
    """15 bins of equal width, from the least to the most sure."""
    per_class: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows: true class; columns: predicted class."""
    milliseconds_per_image: float
    """Wall time of the forward passes over the split, preprocessing included, divided by the images; batched."""


class Selection(Frozen):
    """The winner, chosen on validation figures alone. The test split is opened only with one of these at hand."""

    selected: str
    metric: str
    values: dict[str, float]
    """The metric of every completed candidate on the validation split."""


class Failure(Frozen):
    """Why a candidate failed."""

    cause: str
    remedy: str = ""
    """What can be done about it; empty where nobody knows."""


class LeaderboardRow(Frozen):
    """One candidate in the leaderboard's JSON; figures are null where the candidate failed."""

    recipe: str
    """The candidate's name: the recipe's id unless the run names it otherwise."""
    status: Literal["completed", "failed"]
    cause: str | None = None
    remedy: str | None = None
    """Null where the candidate completed, where none is known, and in files of before it was recorded."""
    validation_accuracy: float | None = None
    validation_loss: float | None = None
    validation_ece: float | None = None
    test_accuracy: float | None = None
    test_accuracy_low: float | None = None
    test_accuracy_high: float | None = None
    test_loss: float | None = None
    test_precision: float | None = None
    test_recall: float | None = None
    test_f1: float | None = None
    test_ece: float | None = None
    parameters: int | None = None
    trainable_parameters: int | None = None
    epochs: int | None = None
    train_seconds: float | None = None
    milliseconds_per_image: float | None = None
    flops: int | None = None
    """To predict one image; this and what follows are null where the examination failed, too."""
    file_bytes: int | None = None
    """Of the weights."""
    latency_p50: float | None = None
    """Milliseconds to predict one image on one CPU thread."""
    latency_p95: float | None = None
    throughput: float | None = None
    """Images a second in batches of 64, likewise."""


class Spread(Frozen):
    """The mean of several figures and their standard deviation (of a sample; null of a single one)."""

    mean: float
    sd: float | None
    count: int


class SeedSpread(Frozen):
    """The branches of one candidate, which differ in their seed alone, side by side."""

    name: str
    branches: tuple[str, ...]
    """All of them, in the order of the run's file; figures are of those that completed."""
    validation_accuracy: Spread | None
    test_accuracy: Spread | None
    """Null unless the candidate won: the test split is opened for the winner and its other seeds alone."""


class DataReference(Frozen):
    """Which data a run used."""

    name: str
    path: str
    digest: str


class Leaderboard(Frozen):
    """The outcome of a run. ``champion`` is the registry's promoted version when it is shown, null if there is none."""

    schema_version: Literal[1] = 1
    run: str
    config: str
    model: str
    """Name of the registered model that the run competes for."""
    data: DataReference
    selected: str | None
    selection_metric: str
    version: int | None = None
    """The registry's version of the selected candidate."""
    champion: int | None = None
    candidates: tuple[LeaderboardRow, ...]
    """Completed ones first, best validation figure first."""
    seeds: tuple[SeedSpread, ...] = ()
    """Of candidates that name several seeds; none in files of before there were such."""
