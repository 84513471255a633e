"""Train one candidate with tracking, and a work folder that a killed run goes on from."""

from __future__ import annotations

import shutil
from pathlib import Path

from podium.bundle import Bundle
from podium.config import Candidate
from podium.contract import InputContract
from podium.data import Dataset
from podium.digest import digest_json
from podium.errors import PodiumError
from podium.orchestration.progress import report_epoch
from podium.registry.tracking import start_candidate_run
from podium.results import EpochRecord
from podium.settings import Settings
from podium.training import train


def candidate_key(candidate: Candidate, data_digest: str, code: str) -> str:
    """The identity of a training: the same key gives the same weights on the same machine."""
    return digest_json({"candidate": candidate.model_dump(mode="json"), "data": data_digest, "code": code})


def work_folder(settings: Settings, key: str) -> Path:
    """Where the checkpoints of a training lie until its result is stored."""
    return settings.work / key[:16]


def train_tracked(
    candidate: Candidate, dataset: Dataset, contract: InputContract, *, settings: Settings, run: str, code: str
) -> Bundle:
    """Train, logging every epoch to MLflow under explicit run ids (candidates train in threads of one process).

    Raises:
        TrainingFailed: The candidate cannot be trained; its MLflow run is closed as FAILED with the cause.
    """
    digest = dataset.manifest.digest
    key = candidate_key(candidate, digest, code)
    tracked = start_candidate_run(settings, candidate, run=run, key=key, data_digest=digest)

    def on_epoch(record: EpochRecord) -> None:
        tracked.log_epoch(record)
        report_epoch(candidate.name, record)

    try:
        bundle = train(candidate, dataset, contract, work=work_folder(settings, key), on_epoch=on_epoch)
    except Exception as error:
        tracked.fail(cause_of(error))
        raise
    summary = bundle.summary
    for record in summary.history:  # epochs of an earlier attempt, or of one that another run trained
        tracked.log_epoch(record)
    tracked.finish({"parameters": summary.parameters, "train_seconds": summary.train_seconds})
    return bundle


def cause_of(error: BaseException) -> str:
    """One line that says why a candidate failed."""
    if isinstance(error, PodiumError):
        return error.message
    return f"{type(error).__name__}: {error}".splitlines()[0]


def forget_work(settings: Settings, bundle: Bundle, code: str) -> None:
    """Remove the checkpoints of a training whose result is stored."""
    key = candidate_key(bundle.candidate, bundle.data_digest, code)
    shutil.rmtree(work_folder(settings, key), ignore_errors=True)
