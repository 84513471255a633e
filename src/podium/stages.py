"""The pipeline's work as plain functions on folders, for DVC's stages."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from podium import atomic
from podium.bundle import Bundle
from podium.config import Candidate, RunConfig
from podium.data.policy import open_configured
from podium.digest import digest_json
from podium.errors import TrainingFailed
from podium.evaluation.compare import select
from podium.evaluation.evaluate import evaluate
from podium.models.contracts import contract_for
from podium.models.places import weights_store
from podium.models.recipes import resolve_candidates
from podium.results import Metrics
from podium.settings import Settings
from podium.training import discard, train
from podium.training.hardware import default_device
from podium.training.identity import what_counts
from podium.training.stopping import Stop, heeding_signals


def train_all(config: RunConfig, settings: Settings, models: Path, *, file: Path | None = None) -> None:
    """Train all candidates in parallel; ``models`` is replaced as a whole once all are done.

    Raises:
        DataError: The data set is not what its manifest records.
        ConfigError: It has another size or resize policy than the configuration says.
        TrainingFailed: A candidate failed. Unlike a pipeline, a DVC stage is all or nothing.
        TrainingStopped: By SIGTERM or Ctrl-C; the next call goes on.
    """
    dataset = open_configured(config, settings.root, file=file)
    dataset.verify()
    candidates = resolve_candidates(config, settings.recipes)
    weights = weights_store(settings)

    def work(candidate: Candidate) -> Path:
        counts = what_counts(candidate, default_device())
        return settings.work / f"dvc-{digest_json([counts, dataset.manifest.digest])[:16]}"

    def one(candidate: Candidate, stop: Stop) -> Bundle:
        contract = contract_for(candidate, dataset.manifest, weights)
        try:
            return train(
                candidate,
                dataset,
                contract,
                work=work(candidate),
                weights=weights,
                stop=stop,
                tuning=settings.tuning,
                features=settings.features,
            )
        except TrainingFailed as error:
            raise TrainingFailed(f"{candidate.name}: {error.message}", remedy=error.remedy) from None

    with heeding_signals() as stop, ThreadPoolExecutor(len(candidates)) as pool:
        bundles = list(pool.map(partial(one, stop=stop), candidates))
    with atomic.new_directory(models) as folder:
        for bundle in bundles:
            (folder / bundle.candidate.name).mkdir()
            bundle.save(folder / bundle.candidate.name)
    for candidate in candidates:
        discard(work(candidate))


def evaluate_all(config: RunConfig, settings: Settings, models: Path, out: Path, *, file: Path | None = None) -> None:
    """Write ``metrics.json``, and ``history.csv`` and ``confusion.csv`` for plots, into ``out``: validation figures.

    The test split stays closed: whoever repeats experiments would choose by it. The gate of a run opens it.

    Raises:
        DataError: The data set is not what its manifest records.
        ConfigError: It has another size or resize policy than the configuration says.
    """
    dataset = open_configured(config, settings.root, file=file)
    dataset.verify()
    names = [candidate.label for candidate in config.candidates]
    bundles = {name: Bundle.load(models / name) for name in names}
    validation = {name: evaluate(bundle, dataset, "validation").metrics for name, bundle in bundles.items()}
    selection = select(list(validation.values()), config.selection.metric)
    figures = {
        "selected": selection.selected,
        "candidates": {
            name: {
                "validation": _figures(validation[name]),
                "parameters": bundles[name].summary.parameters,
            }
            for name in names
        },
    }
    atomic.write_text(out / "metrics.json", json.dumps(figures, indent=2) + "\n")
    atomic.write_text(
        out / "history.csv", _table(["candidate", "epoch", "validation_accuracy"], _history(bundles.values()))
    )
    best = validation[selection.selected]
    atomic.write_text(out / "confusion.csv", _table(["actual", "predicted"], _pairs(best)))


def _figures(metrics: Metrics) -> dict[str, float]:
    return {"accuracy": metrics.accuracy, "macro_f1": metrics.macro_f1, "loss": metrics.loss}


def _history(bundles: Iterable[Bundle]) -> Iterable[Sequence[object]]:
    for bundle in bundles:
        for record in bundle.summary.history:
            yield bundle.candidate.name, record.epoch, record.validation_accuracy


def _pairs(metrics: Metrics) -> Iterable[Sequence[object]]:
    """One row an image, as DVC's confusion template counts them."""
    names = [row.name for row in metrics.per_class]
    for actual, row in zip(names, metrics.confusion, strict=True):
        for predicted, count in zip(names, row, strict=True):
            yield from [(actual, predicted)] * count


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()
