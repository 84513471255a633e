"""MLflow tracking without its global state: explicit clients and run ids, safe in threads and in several processes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock

from podium.addresses import without_secrets
from podium.config import Candidate
from podium.errors import RegistryError
from podium.results import EpochRecord
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT: Final = "podium"
RUN_TAG: Final = "podium.run"
CANDIDATE_TAG: Final = "podium.candidate"
KEY_TAG: Final = "podium.candidate_key"
CAUSE_TAG: Final = "podium.cause"
SWEEP_TAG: Final = "podium.sweep"
TRIAL_TAG: Final = "podium.trial"
_ENVIRONMENT: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_LONGEST: Final = 5000
"""Characters of a tag or parameter that every MLflow store takes."""


def client(settings: Settings) -> MlflowClient:
    """Return a client for ``settings.tracking_uri``; a local database and the experiment are made if need be.

    Several processes may start at once: creation is guarded by a file lock. Telemetry is switched off.

    Raises:
        RegistryError: The address cannot be reached or is no MLflow store.
    """
    quiet_mlflow()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for logger in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(logger).setLevel(logging.WARNING)
    try:
        with registry_lock(settings, "mlflow"):
            made = MlflowClient(tracking_uri=settings.tracking_uri, registry_uri=settings.tracking_uri)
            _ensure_experiment(made, settings)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        uri = settings.tracking_uri
        raise RegistryError(
            without_secrets(f"{uri}: no MLflow tracking store can be opened there ({error})", uri),
            remedy="check PODIUM_TRACKING_URI, the server behind it, and the room on the disk",
        ) from error
    return made


def quiet_mlflow() -> None:
    """Keep MLflow from sending anything out, and from drawing bars over what commands print."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def is_local(settings: Settings) -> bool:
    """Whether the tracking address is a SQLite file of this machine."""
    return settings.tracking_uri.startswith("sqlite:")


def exists(settings: Settings) -> bool:
    """Whether a store can hold anything yet: False while a local database has not been made. Costs microseconds."""
    return not is_local(settings) or Path(settings.tracking_uri.removeprefix("sqlite:///")).is_file()


@contextmanager
def registry_lock(settings: Settings, name: str = "registry") -> Iterator[None]:
    """Hold a lock of this installation against other processes and threads; released when its holder dies.

    It holds for all machines that share the decision log if that is in PostgreSQL, but for ``cache``, which is each
    machine's own.

    Raises:
        ReviewError: The database is out of reach, or somebody holds the lock for very long.
    """
    if isinstance(settings.reviews, str) and name != "cache":
        from podium.registry.postgresql import advisory_lock

        with advisory_lock(settings.reviews, name):
            yield
        return
    folder = settings.state / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{name}.lock", thread_local=False):
        yield


def experiment_id(client: MlflowClient) -> str:
    """The id of Podium's experiment."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        raise RegistryError(f"MLflow has no experiment {EXPERIMENT!r}", remedy="open the store with tracking.client")
    return str(found.experiment_id)


def _ensure_experiment(client: MlflowClient, settings: Settings) -> None:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None and found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    elif found is None:
        own = settings.artifacts.as_uri() if settings.tracking_is_database else None
        location = settings.artifact_root or own
        client.create_experiment(EXPERIMENT, artifact_location=location)


@dataclass
class CandidateRun:
    """The MLflow run of one candidate. Each method may be repeated after a crash."""

    client: MlflowClient
    run_id: str
    _logged: set[int] = field(default_factory=set)
    """Epochs that stand in the run's history."""

    def log_epoch(self, record: EpochRecord) -> None:
        """Log one epoch's figures at step ``record.epoch``; an epoch that is already there is left alone."""
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        if record.epoch in self._logged:
            return
        now = get_current_time_millis()
        figures = record.model_dump(exclude={"phase", "epoch"})
        metrics = [Metric(name, float(value), now, record.epoch) for name, value in figures.items()]
        self.client.log_batch(self.run_id, metrics=metrics)
        self._logged.add(record.epoch)

    def finish(self, metrics: Mapping[str, float] | None = None) -> None:
        """Log final figures and close the run as FINISHED."""
        for name, value in (metrics or {}).items():
            self.client.log_metric(self.run_id, name, float(value))
        self.client.set_terminated(self.run_id, "FINISHED")

    def fail(self, cause: str) -> None:
        """Close the run as FAILED with the cause as its tag ``podium.cause``."""
        self.client.set_tag(self.run_id, CAUSE_TAG, cause[:_LONGEST])
        self.client.set_terminated(self.run_id, "FAILED")

    def prune(self, cause: str) -> None:
        """Close the run as KILLED: it was ended early on purpose, as ``podium.cause`` says."""
        self.client.set_tag(self.run_id, CAUSE_TAG, cause[:_LONGEST])
        self.client.set_terminated(self.run_id, "KILLED")


def start_candidate_run(
    settings: Settings,
    candidate: Candidate,
    *,
    run: str,
    key: str,
    data_digest: str,
    tracking: MlflowClient | None = None,
    tags: Mapping[str, str] | None = None,
    unstored: bool = False,
) -> CandidateRun:
    """Start a candidate's MLflow run, or continue the one that was cut off.

    A run with the same key is continued if it is still RUNNING (its process was killed), belongs to the same Podium
    run, or has FINISHED without its result being stored; otherwise this is a deliberate repetition and gets its own.

    Args:
        settings: Where the store is.
        candidate: The resolved candidate; its configuration becomes the run's parameters.
        run: Name of the Podium run.
        key: Identity of the candidate's training (configuration, data, code): finds a killed run again.
        data_digest: Identity of the data version.
        tracking: An existing client; a new one by default.
        tags: Further tags.
        unstored: Whether the training has finished before, in a process that was killed then.
    """
    mlflow = tracking or client(settings)
    parameters = flatten(candidate.model_dump(mode="json"))
    own = {RUN_TAG: run, CANDIDATE_TAG: candidate.name, KEY_TAG: key, "podium.data_digest": data_digest}
    own |= tags or {}
    with registry_lock(settings, "runs"):
        found = _find(mlflow, run, key, ("RUNNING", "FINISHED") if unstored else ("RUNNING",))
        if found is None:
            made = mlflow.create_run(experiment_id(mlflow), tags=own, run_name=f"{run}/{candidate.name}")
            run_id = str(made.info.run_id)
        else:
            run_id = found
            mlflow.update_run(run_id, status="RUNNING")
            mlflow.set_tag(run_id, RUN_TAG, run)
            if CAUSE_TAG in mlflow.get_run(run_id).data.tags:
                mlflow.delete_tag(run_id, CAUSE_TAG)
    from mlflow.entities import Param

    # MLflow refuses to change a parameter, and on a GPU the number of CPU threads is no part of the key.
    there = mlflow.get_run(run_id).data.params if found else {}
    new = [Param(name, value[:_LONGEST]) for name, value in parameters.items() if name not in there]
    mlflow.log_batch(run_id, params=new)
    history = mlflow.get_metric_history(run_id, "validation_loss") if found else []
    return CandidateRun(mlflow, run_id, {metric.step for metric in history})


def flatten(value: Any, prefix: str = "") -> dict[str, str]:
    """Turn nested mappings into dotted keys with text values: ``{"a": {"b": 1}}`` gives ``{"a.b": "1"}``."""
    if not isinstance(value, Mapping) or not value:
        return {prefix: str(value)}
    flat: dict[str, str] = {}
    for key, item in value.items():
        flat |= flatten(item, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _find(client: MlflowClient, run: str, key: str, going_on: tuple[str, ...]) -> str | None:
    runs = client.search_runs([experiment_id(client)], f"tags.`{KEY_TAG}` = '{key}'", order_by=["start_time DESC"])
    for found in runs:
        if found.info.status in going_on or found.data.tags.get(RUN_TAG) == run:
            return str(found.info.run_id)
    return None
