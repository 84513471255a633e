"""All that is found out about one trained model on one split, beyond its figures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from podium import atomic
from podium.data import Dataset, Split
from podium.errors import PodiumError
from podium.evaluation.cost import measure_cost
from podium.evaluation.evaluate import BATCH, Evaluation, check_fit, evaluate
from podium.evaluation.gap import measure_gap
from podium.evaluation.records import Findings, SaliencySample
from podium.evaluation.robustness import affordable, measure_robustness
from podium.evaluation.slices import slices
from podium.results import SplitName

if TYPE_CHECKING:
    from torch import nn

    from podium.bundle import Bundle
    from podium.evaluation.saliency import Maps

FINDINGS: Final = "examination.json"
MAPS: Final = "saliency.npy"


@dataclass(frozen=True, eq=False)
class Examination:
    """What was found out, and the saliency maps."""

    findings: Findings
    saliency: NDArray[np.float32]
    """K×H×W on [0, 1], of ``findings.saliency``."""

    def save(self, folder: Path) -> None:
        """Write ``examination.json`` and ``saliency.npy`` into an existing folder."""
        np.save(folder / MAPS, self.saliency.astype(np.float32, copy=False), allow_pickle=False)
        atomic.write_text(folder / FINDINGS, self.findings.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. Raises PodiumError if a file is missing, malformed or does not fit the other."""
        remedy = "run the examination again"
        try:
            findings = Findings.model_validate_json((folder / FINDINGS).read_bytes())
            maps = np.load(folder / MAPS, allow_pickle=False)
        except (OSError, EOFError, ValidationError, ValueError) as error:
            raise PodiumError(f"{folder}: not a readable examination ({error})", remedy=remedy) from None
        if maps.dtype != np.float32 or maps.ndim != 3 or len(maps) != len(findings.saliency):
            raise PodiumError(
                f"{folder / MAPS}: holds {maps.dtype} of shape {maps.shape}, {FINDINGS} names"
                f" {len(findings.saliency)} images",
                remedy=remedy,
            )
        return cls(findings, maps)


def examine(
    bundle: Bundle, dataset: Dataset, split: SplitName, *, evaluation: Evaluation | None = None, seed: int = 0
) -> Examination:
    """Slices, corruptions, saliency, cost, and the gap to the training images.

    Latency is measured on the CPU; all else is computed on the GPU, where there is one. A network without a feature map
    has no saliency, which ``findings.notes`` says.

    Args:
        bundle: The model.
        dataset: With ``split`` and ``train``; the other split is not looked at.
        split: Which images.
        evaluation: Of the same model and split, where it has been made; made here otherwise.
        seed: Of subsets and corruptions.

    Raises:
        DataError: The data set does not fit the model.
        TrainingFailed: The network gives NaN.
        ValueError: The evaluation is of something else.
    """
    from podium.training import build_from_bundle, predict_probabilities
    from podium.training.hardware import default_device

    start = time.perf_counter()
    check_fit(bundle, dataset)
    evaluation = evaluation or evaluate(bundle, dataset, split)
    _check(evaluation, bundle, dataset, split)
    part, table = dataset[split], evaluation.probabilities
    cost = measure_cost(bundle, np.asarray(part.images[:BATCH]))
    net = build_from_bundle(bundle).to(default_device())
    most = affordable(cost.flops, len(dataset["train"]) * bundle.summary.epochs)

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return predict_probabilities(net, images, bundle.contract, batch_size=BATCH)

    chosen, maps, notes = _saliency(net, bundle, part, table, seed)
    names = bundle.contract.class_names
    findings = Findings(
        candidate=bundle.candidate.name,
        split=split,
        data_digest=dataset.manifest.digest,
        seed=seed,
        slices=slices(part.images, part.labels, table.argmax(axis=1), names),
        robustness=measure_robustness(predict, part, seed=seed, most=most),
        gap=measure_gap(predict, dataset["train"], evaluation.metrics, seed=seed),
        cost=cost,
        saliency=tuple(
            SaliencySample(
                index=int(index),
                true=names[int(part.labels[index])],
                predicted=names[int(table[index].argmax())],
                probability=min(1.0, float(table[index].max())),
            )
            for index in chosen
        ),
        saliency_layer=maps.layer if maps else None,
        notes=notes,
        seconds=time.perf_counter() - start,
    )
    return Examination(findings, maps.values if maps else np.empty((0, *part.images.shape[1:3]), np.float32))


def _saliency(
    net: nn.Module, bundle: Bundle, part: Split, table: NDArray[np.float32], seed: int
) -> tuple[NDArray[np.int64], Maps | None, tuple[str, ...]]:
    """The images that maps are made of, the maps, and why there are none."""
    from podium.evaluation.saliency import NoFeatureMap, choose, grad_cam

    chosen = choose(table, np.asarray(part.labels), seed=seed)
    classes = table[chosen].argmax(axis=1).tolist()
    try:
        return chosen, grad_cam(net, np.asarray(part.images[chosen]), classes, bundle.contract), ()
    except NoFeatureMap as error:
        return chosen[:0], None, (f"no saliency maps: {error.message}",)


def _check(evaluation: Evaluation, bundle: Bundle, dataset: Dataset, split: SplitName) -> None:
    metrics = evaluation.metrics
    given = (metrics.candidate, metrics.split, metrics.data_digest, metrics.count)
    asked = (bundle.candidate.name, split, dataset.manifest.digest, len(dataset[split]))
    if given != asked:
        raise ValueError(f"the evaluation is of {given}, the examination of {asked}")
