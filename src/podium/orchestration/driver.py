"""Runs whose process was killed are marked as failed by the next run, instead of seeming to go on for ever."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from filelock import FileLock, Timeout
from zenml.client import Client
from zenml.enums import ExecutionStatus
from zenml.execution.pipeline.dynamic.run_context import DynamicPipelineRunContext
from zenml.models import PipelineRunUpdate, StepRunUpdate

from podium.orchestration.restarts import goes_on
from podium.orchestration.stopping import begin
from podium.settings import Settings

logger = logging.getLogger(__name__)


@contextmanager
def driving(settings: Settings) -> Iterator[None]:
    """Hold a lock for the time of the running pipeline; the operating system frees it when the process dies.

    Before that, close the runs whose lock is free, unless their orchestrator starts their driver again: nobody drives
    them any more. A lock's name begins with its store's id: the state folder may serve several stores, and only the
    active one can be asked.
    """
    context = DynamicPipelineRunContext.get()
    if context is None:
        raise RuntimeError("only a running dynamic pipeline has a driver")
    begin()
    folder = settings.state / "drivers"
    folder.mkdir(parents=True, exist_ok=True)
    client = Client()
    store = client.zen_store.get_store_info().id
    mine = FileLock(lock_file(folder, store, context.run.id))
    with FileLock(folder / "guard"):  # nobody sees a lock file that is made but not yet held
        bury(client, folder, store, but=context.run.id)  # it may be this run's second driver
        mine.acquire()
    try:
        yield
    finally:
        Path(mine.lock_file).unlink(missing_ok=True)
        mine.release()


def lock_file(folder: Path, store: UUID, run: UUID) -> Path:
    """The lock that the driver of a run holds."""
    return folder / f"{store}.{run}.lock"


def bury(client: Client, folder: Path, store: UUID, *, but: UUID | None = None) -> None:
    """Close the runs of this store whose driver is dead. Files of other stores or with other names are left alone.

    So are runs whose driver will be started again, by Slurm or Kubernetes. ``but`` is a run that goes on.
    """
    for file in sorted(folder.glob(f"{store}.*.lock")):
        try:
            run = UUID(file.name.removeprefix(f"{store}.").removesuffix(".lock"))
        except ValueError:
            continue
        if run == but:
            continue
        lock = FileLock(file)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            if goes_on(client, run):
                continue
            close_run(client, run)
            file.unlink(missing_ok=True)
        finally:
            lock.release()


def close_run(client: Client, run: UUID) -> None:
    """Set a run and its steps to failed where they seem to go on; a run that the store has forgotten is no error."""
    try:
        found = client.get_pipeline_run(run)
    except KeyError:
        return
    for step in client.list_run_steps(pipeline_run_id=run, size=1000).items:
        if not step.status.is_finished:
            client.zen_store.update_run_step(step.id, StepRunUpdate(status=ExecutionStatus.FAILED))
    if not found.status.is_finished:
        logger.warning("run %s was cut off; it is closed as failed", found.name)
        update = PipelineRunUpdate(status=ExecutionStatus.FAILED, status_reason="its process was killed")
        client.zen_store.update_run(run, update)
