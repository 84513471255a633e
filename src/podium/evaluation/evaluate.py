"""One trained candidate on one split of a data set."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from podium import atomic
from podium.data import Dataset
from podium.errors import DataError, PodiumError
from podium.evaluation.metrics import metrics_from_probabilities
from podium.results import Metrics, SplitName

if TYPE_CHECKING:
    from podium.bundle import Bundle

METRICS = "evaluation.json"
PROBABILITIES = "probabilities.npy"
BATCH = 64
"""Images at once: on a CPU more are not faster, and memory grows with them."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures and the probabilities that they come from."""

    metrics: Metrics
    probabilities: NDArray[np.float32]
    """N×C, in the order of the split's images."""

    def save(self, folder: Path) -> None:
        """Write ``evaluation.json`` and ``probabilities.npy`` into an existing folder."""
        np.save(folder / PROBABILITIES, self.probabilities.astype(np.float32, copy=False), allow_pickle=False)
        atomic.write_text(folder / METRICS, self.metrics.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. Raises PodiumError if a file is missing, malformed or does not fit the other."""
        remedy = "run the evaluation again"
        try:
            metrics = Metrics.model_validate_json((folder / METRICS).read_bytes())
            probabilities = np.load(folder / PROBABILITIES, allow_pickle=False)
        except (OSError, EOFError, ValidationError, ValueError) as error:
            raise PodiumError(f"{folder}: not a readable evaluation ({error})", remedy=remedy) from None
        expected = (metrics.count, len(metrics.per_class))
        if probabilities.dtype != np.float32 or probabilities.shape != expected:
            raise PodiumError(
                f"{folder / PROBABILITIES}: holds {probabilities.dtype} of shape {probabilities.shape},"
                f" {METRICS} says float32 of {expected}",
                remedy=remedy,
            )
        return cls(metrics, probabilities)


def evaluate(bundle: Bundle, dataset: Dataset, split: SplitName) -> Evaluation:
    """Predict every image of a split on the GPU, or the CPU where there is none, and compute the figures.

    The time an image is wall time over the whole split in batches, preprocessing included, after one batch that is
    not counted (it pays for what is set up lazily).

    Raises:
        DataError: The data set has other class names or another image size than the bundle's contract.
        TrainingFailed: The network gives NaN.
    """
    from podium.training import build_from_bundle, predict_probabilities
    from podium.training.hardware import default_device

    check_fit(bundle, dataset)
    part = dataset[split]
    net = build_from_bundle(bundle).to(default_device())
    predict_probabilities(net, part.images[:BATCH], bundle.contract, batch_size=BATCH)
    start = time.perf_counter()
    probabilities = predict_probabilities(net, part.images, bundle.contract, batch_size=BATCH)
    seconds = time.perf_counter() - start
    metrics = metrics_from_probabilities(
        probabilities,
        part.labels,
        candidate=bundle.candidate.name,
        split=split,
        data_digest=dataset.manifest.digest,
        class_names=dataset.manifest.class_names,
        milliseconds_per_image=1000 * seconds / len(part),
    )
    return Evaluation(metrics, np.asarray(probabilities, np.float32))


def check_fit(bundle: Bundle, dataset: Dataset) -> None:
    """Raise DataError unless the data set has the classes and the image size that the bundle was trained for."""
    name, contract, manifest = bundle.candidate.name, bundle.contract, dataset.manifest
    remedy = f"evaluate {name} on the data that it was trained on, or train it again"
    if contract.class_names != manifest.class_names:
        raise DataError(
            f"{name} knows {_classes(contract.class_names)}, {dataset.path} has {_classes(manifest.class_names)}",
            remedy=remedy,
        )
    if (contract.height, contract.width) != (manifest.height, manifest.width):
        raise DataError(
            f"{name} takes {contract.height}×{contract.width} pixels, {dataset.path} has"
            f" {manifest.height}×{manifest.width}",
            remedy=remedy,
        )


def _classes(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return f"{len(names)} classes ({shown}{', …' if len(names) > 5 else ''})"
