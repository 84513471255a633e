"""Static pipelines in the driver's job: steps with a step operator side by side as jobs, the others here, in turn."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Final

from zenml.client import Client
from zenml.config.step_configurations import Step
from zenml.enums import ExecutionMode, ExecutionStatus
from zenml.execution.context import setup_execution_context
from zenml.execution.step.utils import launch_step
from zenml.models import PipelineRunResponse, PipelineSnapshotResponse, StepRunResponse
from zenml.orchestrators.publish_utils import publish_failed_step_run
from zenml.stack import Stack
from zenml.step_operators import BaseStepOperator
from zenml.utils.env_utils import temporary_runtime_environment

from podium.orchestration.placing import no_jobs_left
from podium.orchestration.slurm.transport import SlurmError, SlurmUnreachable

logger = logging.getLogger(__name__)

LOOK: Final = 1.0
"""Seconds between two looks at the jobs."""


class StaticDriver:
    """Runs the steps of a static pipeline in the order of their dependencies.

    It may be started again: what has ended counts, a step that runs as a job is waited for, and a step that an earlier
    start ran itself has failed.
    """

    def __init__(self, snapshot: PipelineSnapshotResponse, run: PipelineRunResponse, orchestrator_run: str) -> None:
        assert snapshot.stack is not None
        self._snapshot, self._run, self._orchestrator_run = snapshot, run, orchestrator_run
        self._stack = Stack.from_model(snapshot.stack)
        self._steps = snapshot.step_configurations
        self._mode = snapshot.pipeline_configuration.execution_mode
        self._ended: dict[str, bool] = {}
        """Steps that have ended, and whether well."""
        self._running: dict[str, StepRunResponse] = {}
        self._failures: Counter[str] = Counter()

    def drive(self) -> None:
        """Run all that can be run.

        Raises:
            SlurmError: Steps failed; which, it says.
        """
        self._take_up()
        with no_jobs_left(), setup_execution_context(pipeline_run=self._run):
            while self._running or self._ready():
                ready = self._ready()
                for name in (name for name in ready if self._steps[name].config.step_operator):
                    self._launch(name)
                if here := next((name for name in ready if not self._steps[name].config.step_operator), None):
                    self._launch(here)
                elif self._running:
                    time.sleep(LOOK)
                for name in list(self._running):
                    self._look(name)
                if self._mode is ExecutionMode.FAIL_FAST and not all(self._ended.values()):
                    self._cancel()
        if failed := [name for name, well in self._ended.items() if not well]:
            left = [name for name in self._steps if name not in self._ended]
            told = f"; not run: {', '.join(left)}" if left else ""
            raise SlurmError(f"run {self._run.name}: failed steps: {', '.join(failed)}{told}")

    def _take_up(self) -> None:
        """Go on where an earlier start of this driver ended."""
        for name, step_run in Client().get_pipeline_run(self._run.id).steps.items():
            if step_run.status.is_finished:
                self._ended[name] = step_run.status.is_successful
            elif self._steps[name].config.step_operator:
                logger.info("%s runs as a job already", name)
                self._running[name] = step_run
            else:
                publish_failed_step_run(step_run.id)
                self._ended[name] = False

    def _ready(self) -> list[str]:
        """Steps that may begin."""
        if self._mode is not ExecutionMode.CONTINUE_ON_FAILURE and not all(self._ended.values()):
            return []
        return [
            name
            for name, step in self._steps.items()
            if name not in self._ended
            and name not in self._running
            and all(self._ended.get(upstream) for upstream in step.spec.upstream_steps)
        ]

    def _launch(self, name: str) -> None:
        step = self._steps[name]
        try:
            step_run = self._submit(step) if step.config.step_operator else self._run_here(step)
        except Exception as error:  # noqa: BLE001 - a step's own; ZenML has recorded it
            logger.error("%s: %s", name, error)
            self._ended[name] = False
            return
        if step_run.status.is_finished:
            self._ended[name] = step_run.status.is_successful
        else:
            self._running[name] = step_run

    def _submit(self, step: Step) -> StepRunResponse:
        return launch_step(self._snapshot, step, self._orchestrator_run, wait=False)

    def _run_here(self, step: Step) -> StepRunResponse:
        with temporary_runtime_environment(step.config, self._stack):
            return launch_step(self._snapshot, step, self._orchestrator_run, retry=True)

    def _look(self, name: str) -> None:
        operator, step_run = self._operator(name), self._running[name]
        try:
            status = operator.get_status(step_run)
            if status.is_finished:
                operator.cleanup_step_submission(step_run)
        except SlurmUnreachable as error:
            logger.warning("%s: %s; its job goes on, and so does the waiting", name, error.message)
            return
        if not status.is_finished:
            return
        del self._running[name]
        retry = self._steps[name].config.retry
        if status is ExecutionStatus.FAILED and retry and self._failures[name] < retry.max_retries:
            self._failures[name] += 1
            self._launch(name)
        else:
            self._ended[name] = status.is_successful

    def _cancel(self) -> None:
        for name in list(self._running):
            self._operator(name).cancel(self._running[name])
            self._look(name)

    def _operator(self, name: str) -> BaseStepOperator:
        wanted = self._steps[name].config.step_operator
        operator = self._stack.step_operators.get(wanted) if isinstance(wanted, str) else self._stack.step_operator
        if operator is None:
            raise SlurmError(f"step {name}: stack {self._stack.name} has no step operator {wanted}")
        return operator
