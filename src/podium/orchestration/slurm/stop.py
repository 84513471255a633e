"""Stop a run: its driver first, lest it submit more, and then the jobs of its steps."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from zenml.client import Client
from zenml.enums import ExecutionStatus
from zenml.models import PipelineRunResponse, StepRunResponse
from zenml.orchestrators.publish_utils import publish_pipeline_run_status_update, publish_stopped_step_run
from zenml.stack import Stack

from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.jobs import FOLDER, JOB
from podium.orchestration.slurm.poller import Poller
from podium.orchestration.slurm.states import Phase
from podium.orchestration.slurm.transport import SlurmError, Transport

KILLED: Final = 60.0
"""Seconds in which Slurm ends a cancelled job (its KillWait is half of it)."""
LOOK: Final = 1.0
"""Seconds between two looks whether the driver has ended."""


def stop_run(transport: Transport, poller: Poller, run: UUID) -> None:
    """Cancel the driver, and once it submits no more, the jobs of its steps.

    Raises:
        SlurmError: Some could not be cancelled; the others are.
    """
    recorded = Client().get_pipeline_run(run)
    failed = _cancel(transport, "the driver", recorded.run_metadata)
    if JOB in recorded.run_metadata:
        _await_end(poller, str(recorded.run_metadata[JOB]))
    recorded = Client().get_pipeline_run(run)  # with what it submitted meanwhile
    for step in recorded.steps.values():
        if JOB not in step.run_metadata and not step.status.is_finished:
            failures = _cancel_unrecorded(recorded, step)
        else:
            failures = _cancel(transport, step.name, step.run_metadata)
        if not step.status.is_finished and not failures:
            publish_stopped_step_run(step.id)
        failed += failures
    if failed:
        raise SlurmError(f"run {recorded.name} goes on: {'; '.join(failed)}", remedy="run the same command again")
    publish_pipeline_run_status_update(recorded.id, ExecutionStatus.STOPPED, "stopped on request")


def _cancel(transport: Transport, name: str, known: Mapping[str, Any]) -> list[str]:
    """Cancel the job of a run or step, if it has one. Returns what went wrong."""
    if JOB in known:
        try:
            jobs.cancel(transport, [str(known[JOB])], [str(known[FOLDER])])
        except SlurmError as error:
            return [f"{name}: {error.message}"]
    return []


def _cancel_unrecorded(run: PipelineRunResponse, step: StepRunResponse) -> list[str]:
    """Likewise of a step whose driver died before it recorded a job: the step operator knows the job's name."""
    wanted = step.config.step_operator
    if not wanted or run.stack is None:
        return []
    stack = Stack.from_model(run.stack)
    operator = stack.step_operators.get(wanted) if isinstance(wanted, str) else stack.step_operator
    try:
        if operator is not None:
            operator.cancel(step)
    except SlurmError as error:
        return [f"{step.name}: {error.message}"]
    return []


def _await_end(poller: Poller, job: str) -> None:
    """Wait until a cancelled job has ended, a minute at most."""
    last = time.monotonic() + KILLED
    while time.monotonic() < last:
        seen = poller.look(job)
        if seen is None or seen.phase in (Phase.SUCCEEDED, Phase.FAILED):
            return
        time.sleep(LOOK)
