"""Train one candidate with tracking, and a work folder that a killed run goes on from."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Final, Literal

import torch

from podium.bundle import Bundle
from podium.config import Candidate
from podium.contract import InputContract
from podium.data import Dataset
from podium.digest import digest_json
from podium.errors import RegistryError
from podium.failures import failure_of
from podium.models import family_of, options_of
from podium.models.places import weights_store
from podium.orchestration.stopping import stopping
from podium.progress import report_epoch, report_progress
from podium.registry import tracking
from podium.registry.champion import fetch_bundle
from podium.results import EpochRecord
from podium.settings import Settings
from podium.training import Tick, discard, train
from podium.training.checkpoint import FINISHED
from podium.training.hardware import default_device
from podium.training.identity import what_counts

ABANDONED_DAYS: Final = 30
"""Checkpoints untouched for so long belong to nothing that will go on."""


def candidate_key(
    candidate: Candidate, data_digest: str, code: str, settings: Settings, kind: Literal["cpu", "cuda"] | None = None
) -> str:
    """The identity of a training: the same key gives the same weights on the same machine.

    ``kind`` is that of its device; this machine's unless given. A training that was a job may have had another.
    """
    parts = {"data": data_digest, "code": code, "backbone": backbone_digest(candidate, settings)}
    device = default_device() if kind is None else torch.device(kind)
    return digest_json({"candidate": what_counts(candidate, device), **parts})


def work_folder(settings: Settings, key: str) -> Path:
    """Where the checkpoints of a training lie until its result is stored."""
    return settings.work / key[:16]


def train_tracked(
    candidate: Candidate, dataset: Dataset, contract: InputContract, *, settings: Settings, run: str, code: str
) -> Bundle:
    """Train, logging every epoch to MLflow under explicit run ids (candidates train in threads of one process).

    Raises:
        TrainingFailed: The candidate cannot be trained; its MLflow run is closed as FAILED with the cause.
        TrainingStopped: It was asked to stop (so says its MLflow run, too); the next run goes on at the very step.
    """
    digest = dataset.manifest.digest
    key = candidate_key(candidate, digest, code, settings)
    work = work_folder(settings, key)
    tracked = tracking.start_candidate_run(
        settings, candidate, run=run, key=key, data_digest=digest, unstored=(work / FINISHED).exists()
    )

    def on_epoch(record: EpochRecord) -> None:
        tracked.log_epoch(record)
        report_epoch(candidate.name, record)

    def on_progress(tick: Tick) -> None:
        report_progress(candidate.name, tick)

    try:
        weights, start = weights_store(settings), _start(settings, candidate)
        bundle = train(
            candidate,
            dataset,
            contract,
            work=work,
            weights=weights,
            on_epoch=on_epoch,
            on_progress=on_progress,
            stop=stopping,
            tuning=settings.tuning,
            features=settings.features,
            start=start,
        )
    except Exception as error:
        tracked.fail(failure_of(error).cause)
        raise
    _close(tracked, bundle)
    return bundle


def _start(settings: Settings, candidate: Candidate) -> Path | None:
    """The verified bundle of a warm start. Raises RegistryError if it is gone, or another one."""
    start = candidate.start
    if start is None:
        return None
    folder = fetch_bundle(settings, start.model, start.version)
    if folder.name != start.digest:
        raise RegistryError(
            f"{candidate.name} starts from version {start.version} of {start.model}, which is another one by now",
            remedy="run again",
        )
    return folder


def tracked_run(settings: Settings, bundle: Bundle, *, run: str, code: str) -> str:
    """The id of the MLflow run in which a model was trained; made from its summary if the store has forgotten it."""
    kind: Literal["cpu", "cuda"] = "cpu" if bundle.summary.device == "cpu" else "cuda"
    key = candidate_key(bundle.candidate, bundle.data_digest, code, settings, kind)
    client = tracking.client(settings)
    query = f"tags.`{tracking.KEY_TAG}` = '{key}' and attributes.status = 'FINISHED'"
    found = client.search_runs([tracking.experiment_id(client)], query, max_results=1, order_by=["start_time DESC"])
    if found:
        return str(found[0].info.run_id)
    made = tracking.start_candidate_run(
        settings, bundle.candidate, run=run, key=key, data_digest=bundle.data_digest, tracking=client
    )
    _close(made, bundle)
    return made.run_id


def _close(tracked: tracking.CandidateRun, bundle: Bundle) -> None:
    summary = bundle.summary
    for record in summary.history:  # also epochs of an earlier attempt, or of a training that another run did
        tracked.log_epoch(record)
    tracked.finish({"parameters": summary.parameters, "train_seconds": summary.train_seconds})


def backbone_digest(candidate: Candidate, settings: Settings) -> str | None:
    """Digest of the pretrained weights that a candidate starts from, with the normalization that they expect.

    None for a candidate from scratch. Raises WeightsError if the weights are missing.
    """
    model = candidate.recipe.model
    name = family_of(model).pretrained
    return weights_store(settings).provenance(name(options_of(model))).digest if name else None


def forget_work(settings: Settings, candidate: Candidate, data_digest: str, code: str) -> None:
    """Remove the checkpoints of a training whose result is stored, whatever kind of device it was on."""
    kinds: tuple[Literal["cpu", "cuda"], ...] = ("cpu", "cuda")
    for kind in kinds:
        discard(work_folder(settings, candidate_key(candidate, data_digest, code, settings, kind)))


def prune_work(settings: Settings, days: int = ABANDONED_DAYS) -> None:
    """Remove checkpoints that nothing was written to for ``days``: of trainings whose configuration has changed."""
    oldest = time.time() - days * 86_400
    for folder in settings.work.glob("[!.]*/"):
        if _written(folder) < oldest:
            discard(folder)


def _written(folder: Path) -> float:
    """When a work folder was last written to; where something vanishes meanwhile, somebody works in it now."""
    try:
        files = (file for file in folder.rglob("*") if not file.name.startswith("."))
        return max((file.stat().st_mtime for file in files), default=folder.stat().st_mtime)
    except FileNotFoundError:
        return math.inf
