"""What runs in the job: one step, whose code lies on the shared file system, and which may be started again."""

from __future__ import annotations

import logging
import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn
from uuid import UUID

from zenml.client import Client
from zenml.config.step_configurations import Step
from zenml.config.step_run_info import StepRunInfo
from zenml.entrypoints.step_entrypoint_configuration import STEP_NAME_OPTION
from zenml.integrations.registry import integration_registry
from zenml.models import PipelineSnapshotResponse
from zenml.orchestrators import input_utils, output_utils
from zenml.orchestrators.step_runner import StepRunner
from zenml.step_operators.step_operator_entrypoint_configuration import (
    STEP_RUN_ID_OPTION,
    StepOperatorEntrypointConfiguration,
)
from zenml.steps import BaseStep
from zenml.utils import source_utils
from zenml.utils.logging_utils import LoggingContext

from podium.errors import REQUEUE, TrainingStopped
from podium.orchestration.slurm import launch
from podium.orchestration.slurm.surroundings import require_surroundings
from podium.orchestration.stopping import stop_training

logger = logging.getLogger(__name__)


class SlurmEntrypointConfiguration(StepOperatorEntrypointConfiguration):
    """ZenML's own, without its container: no ``/app``, no download of code; SIGTERM asks the training to save."""

    @classmethod
    def get_entrypoint_command(cls) -> list[str]:
        """ZenML's program, started faster."""
        return ["python", "-m", launch.__name__]

    def prepare_code_environment(self) -> None:
        """Find the code where it lies."""
        if (root := source_utils.get_source_root()) not in sys.path:
            sys.path.insert(0, root)

    def run(self) -> None:
        """Run the step, unless an earlier start of this job has finished it, or nobody waits for it any more."""
        signal.signal(signal.SIGTERM, _stop)
        recorded = Client().zen_store.get_run_step(self._step_run_id())
        if recorded.status.is_finished:
            logger.info("%s is %s already: nothing is left to do", recorded.name, recorded.status.value)
            return
        require_surroundings()
        snapshot, step = self.snapshot, self.step
        # Activating all integrations takes half of a step's start. It is for outputs whose type alone is to tell
        # how they are stored; for all else, ZenML knows the class by its name.
        if not all(output.materializer_source for output in step.config.outputs.values()):
            integration_registry.activate_integrations()
        self.prepare_code_environment()
        self._run_step(step=step, snapshot=snapshot)

    def _step_run_id(self) -> UUID:
        return UUID(self.entrypoint_args[STEP_RUN_ID_OPTION])

    def _run_step(self, step: Step, snapshot: PipelineSnapshotResponse) -> None:
        """As in the class above, with another runner."""
        step_run = self.step_run
        pipeline_run = Client().get_pipeline_run(step_run.pipeline_run_id)
        info = StepRunInfo(
            config=step.config,
            spec=step.spec,
            snapshot=snapshot,
            step_run=step_run,
            pipeline=snapshot.pipeline_configuration,
            run_name=pipeline_run.name,
            pipeline_step_name=self.entrypoint_args[STEP_NAME_OPTION],
            run_id=pipeline_run.id,
            step_run_id=step_run.id,
            force_write_logs=lambda: None,
        )
        stack = Client().active_stack
        input_utils.resolve_step_inputs(step=step, pipeline_run=pipeline_run)
        ResumableRunner(step=step, stack=stack).run(
            pipeline_run=pipeline_run,
            step_run=step_run,
            input_artifacts=step_run.inputs,
            output_artifact_uris=output_utils.prepare_output_artifact_uris(step_run=step_run, stack=stack, step=step),
            step_run_info=info,
        )


class ResumableRunner(StepRunner):
    """A step that saved its state and asks to be started again is neither failed nor finished."""

    def _load_step(self) -> BaseStep:
        step = super()._load_step()
        launch.warm()  # the step's own imports are done
        call = step.call_entrypoint

        def resumable(**arguments: Any) -> Any:
            try:
                return call(**arguments)
            except TrainingStopped as stopped:
                _leave(stopped)

        step.call_entrypoint = resumable  # type: ignore[method-assign]  # of this object
        return step


def _leave(stopped: TrainingStopped) -> NoReturn:
    """End the process before ZenML records a failure, once the step's log is written."""
    logger.warning("%s", stopped.message)
    context = LoggingContext.get()
    if context is not None:
        context.end()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(REQUEUE)


def _stop(number: int, frame: FrameType | None) -> None:
    stop_training()
