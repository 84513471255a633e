"""The pipeline's work as plain functions on folders, for DVC's stages."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from podium import atomic
from podium.bundle import Bundle
from podium.config import Candidate, RunConfig
from podium.data.policy import open_configured
from podium.digest import digest_json
from podium.errors import TrainingFailed, TrainingStopped
from podium.evaluation.compare import seed_spreads, select
from podium.evaluation.evaluate import evaluate
from podium.failures import failure_of, may_work_next_time, told
from podium.models.contracts import contract_for
from podium.models.places import weights_store
from podium.models.recipes import resolve_candidates
from podium.progress import Board, board
from podium.results import Failure, Metrics, TrainingSummary
from podium.settings import Settings
from podium.stage_models import identity_of, open_models, save_models
from podium.training import discard, train
from podium.training.hardware import default_device
from podium.training.identity import what_counts
from podium.training.stopping import Stop, heeding_signals

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """How the candidates of ``train_all`` ended."""

    summaries: Mapping[str, TrainingSummary]
    """Of those that are saved, in the order of the configuration."""
    failures: Mapping[str, Failure]


def train_all(config: RunConfig, settings: Settings, models: Path, *, file: Path | None = None) -> Trained:
    """Train all candidates in parallel; ``models`` is replaced as a whole once all have ended.

    As in a run, whatever a candidate fails of, the others go on. Those that succeed are saved, a folder each, and
    ``failures.json`` names the others.

    Raises:
        DataError: The data set is not what its manifest records.
        ConfigError: It has another size or resize policy than the configuration says, or images that a candidate's
            settings make no sense for.
        WeightsError: Pretrained weights are missing.
        TrainingFailed: Every candidate failed; ``models`` is left as it was. Or some failed of what may work next time,
            such as a full disk; the others are saved, and the next call does not train them again.
        TrainingStopped: By SIGTERM or Ctrl-C; the next call goes on.
    """
    dataset = open_configured(config, settings.root, file=file)
    dataset.verify()
    size = dataset.manifest.height, dataset.manifest.width
    candidates = resolve_candidates(
        config, settings.recipes, file=file or f"the configuration {config.name!r}", size=size
    )
    weights = weights_store(settings)
    contracts = {candidate.name: contract_for(candidate, dataset.manifest, weights) for candidate in candidates}

    def work(candidate: Candidate) -> Path:
        counts = what_counts(candidate, default_device())
        return settings.work / f"dvc-{digest_json([counts, dataset.manifest.digest])[:16]}"

    def one(candidate: Candidate, stop: Stop, shown: Board) -> Bundle | Exception:
        name = candidate.name
        try:
            bundle = train(
                candidate,
                dataset,
                contracts[name],
                work=work(candidate),
                weights=weights,
                on_epoch=partial(shown.epoch, name),
                on_progress=partial(shown.step, name),
                stop=stop,
                tuning=settings.tuning,
                features=settings.features,
            )
        except TrainingStopped:
            raise
        except Exception as error:
            log.info("%s failed", name, exc_info=True)
            shown.done(name, f"failed: {failure_of(error).cause}")
            return error
        shown.done(name, "done")
        return bundle

    with heeding_signals() as stop, board(candidates) as shown, ThreadPoolExecutor(len(candidates)) as pool:
        ended = dict(zip(contracts, pool.map(partial(one, stop=stop, shown=shown), candidates), strict=True))
    bundles = {name: bundle for name, bundle in ended.items() if isinstance(bundle, Bundle)}
    errors = {name: error for name, error in ended.items() if isinstance(error, Exception)}
    failures = {name: failure_of(error) for name, error in errors.items()}
    if not bundles:
        raise TrainingFailed(
            f"all {len(failures)} candidates failed:\n{told(failures)}", remedy="mend the first cause and run again"
        )
    save_models(models, bundles, failures, _identities(candidates, dataset.manifest.digest))
    # DVC takes a stage that ends well for done, and would never try again what a full disk has ended.
    if any(map(may_work_next_time, errors.values())):
        raise TrainingFailed(
            f"{len(failures)} of {len(candidates)} candidates failed, not all by themselves; the others are saved in"
            f" {models}:\n{told(failures)}",
            remedy="mend the cause and run again: the others are not trained again",
        )
    for candidate in candidates:
        discard(work(candidate))
    return Trained({name: bundle.summary for name, bundle in bundles.items()}, failures)


def evaluate_all(
    config: RunConfig, settings: Settings, models: Path, out: Path, *, file: Path | None = None
) -> Mapping[str, Failure]:
    """Write ``metrics.json``, and ``history.csv`` and ``confusion.csv`` for plots, into ``out``: validation figures.

    The test split stays closed: whoever repeats experiments would choose by it. The gate of a run opens it.

    Returns:
        Who is left out, as its training failed; ``metrics.json`` names them, too.

    Raises:
        DataError: The data set is not what its manifest records.
        ConfigError: It has another size or resize policy than the configuration says.
        PodiumError: A model is missing, or is of another configuration or other data, as after a training that failed.
        RegistryError: A model, or ``failures.json``, cannot be read.
    """
    dataset = open_configured(config, settings.root, file=file)
    dataset.verify()
    candidates = resolve_candidates(config, settings.recipes)
    bundles, failures = open_models(models, _identities(candidates, dataset.manifest.digest))
    validation = {name: evaluate(bundle, dataset, "validation").metrics for name, bundle in bundles.items()}
    selection = select(list(validation.values()), config.selection.metric)
    figures = {
        "selected": selection.selected,
        "candidates": {
            name: {
                "validation": _figures(validation[name]),
                "parameters": bundles[name].summary.parameters,
            }
            for name in bundles
        },
        "failed": {name: failure.cause for name, failure in failures.items()},
        "seeds": {
            group.name: group.model_dump(mode="json", exclude={"name", "test_accuracy"})
            for group in seed_spreads(config.seeded, validation, {})
        },
    }
    atomic.write_text(out / "metrics.json", json.dumps(figures, indent=2) + "\n")
    atomic.write_text(
        out / "history.csv", _table(["candidate", "epoch", "validation_accuracy"], _history(bundles.values()))
    )
    best = validation[selection.selected]
    atomic.write_text(out / "confusion.csv", _table(["actual", "predicted"], _pairs(best)))
    return failures


def _identities(candidates: Iterable[Candidate], data_digest: str) -> dict[str, str]:
    return {candidate.name: identity_of(candidate, data_digest) for candidate in candidates}


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
