"""What runs in the job: one step, whose code lies on the shared file system, and which may be started again."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from uuid import UUID

from zenml.client import Client
from zenml.config.step_configurations import Step
from zenml.config.step_run_info import StepRunInfo
from zenml.entrypoints.step_entrypoint_configuration import STEP_NAME_OPTION
from zenml.integrations.registry import integration_registry
from zenml.models import PipelineRunResponse, PipelineSnapshotResponse
from zenml.orchestrators import input_utils, output_utils
from zenml.orchestrators.publish_utils import publish_pipeline_run_metadata
from zenml.orchestrators.step_runner import StepRunner
from zenml.pipelines.dynamic.entrypoint_configuration import RUN_ID_OPTION, DynamicPipelineEntrypointConfiguration
from zenml.pipelines.run_utils import create_placeholder_run
from zenml.step_operators.step_operator_entrypoint_configuration import (
    STEP_RUN_ID_OPTION,
    StepOperatorEntrypointConfiguration,
)
from zenml.steps import BaseStep
from zenml.utils import source_utils
from zenml.utils.logging_utils import LoggingContext

from podium.errors import REQUEUE, PodiumError, TrainingStopped
from podium.orchestration.slurm.environment import require_surroundings
from podium.orchestration.slurm.health import keep_firing
from podium.orchestration.slurm.jobs import FOLDER, JOB
from podium.orchestration.slurm.plan import of_stamp
from podium.orchestration.slurm.static import StaticDriver
from podium.orchestration.slurm.tick import RUN
from podium.orchestration.slurm.transport import Transport
from podium.orchestration.stopping import stop_training

logger = logging.getLogger(__name__)


class SlurmEntrypointConfiguration(StepOperatorEntrypointConfiguration):
    """ZenML's own, without its container: no ``/app``, no download of code; SIGTERM asks the training to save."""

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


class SlurmDriverEntrypointConfiguration(DynamicPipelineEntrypointConfiguration):
    """The driver of a pipeline. Started again, it goes on with its run and finds the jobs of its steps."""

    def prepare_code_environment(self) -> None:
        """Find the code where it lies."""
        if (root := source_utils.get_source_root()) not in sys.path:
            sys.path.insert(0, root)

    def run(self) -> None:
        """Drive the run, unless it is over. SIGTERM ends the driver alone: Slurm starts it again, or it was stopped.

        Raises:
            SlurmError: Steps of a static pipeline failed.
        """
        signal.signal(signal.SIGTERM, lambda number, frame: os._exit(REQUEUE))
        require_surroundings()
        _see_to_the_schedule()
        try:
            self._drive()
        finally:
            _see_to_the_schedule()

    def _drive(self) -> None:
        if not self.entrypoint_args.get(RUN_ID_OPTION):
            self.entrypoint_args[RUN_ID_OPTION] = str(scheduled_run(self.snapshot))
        recorded = Client().get_pipeline_run(UUID(self.entrypoint_args[RUN_ID_OPTION]))
        if recorded.status.is_finished:
            logger.info("run %s is %s already", recorded.name, recorded.status.value)
        elif self.snapshot.is_dynamic:
            super().run()
        else:
            self._run_static(recorded)

    def _run_static(self, run: PipelineRunResponse) -> None:
        integration_registry.activate_integrations()
        self.prepare_code_environment()
        orchestrator = Client().active_stack.orchestrator
        orchestrator._prepare_run(snapshot=self.snapshot)
        orchestrator.run_init_hook(snapshot=self.snapshot)
        try:
            StaticDriver(self.snapshot, run, orchestrator.get_orchestrator_run_id()).drive()
        finally:
            orchestrator.run_cleanup_hook(snapshot=self.snapshot)


def scheduled_run(snapshot: PipelineSnapshotResponse) -> UUID:
    """The run of a schedule that is due: made by the first start of its driver, found by the others."""
    orchestrator = Client().active_stack.orchestrator
    run = create_placeholder_run(snapshot=snapshot, orchestrator_run_id=orchestrator.get_orchestrator_run_id())
    where = {JOB: os.environ["SLURM_JOB_ID"], FOLDER: str(Path.cwd())}
    publish_pipeline_run_metadata(pipeline_run_id=run.id, pipeline_run_metadata={orchestrator.id: dict(where)})
    return run.id


def _see_to_the_schedule() -> None:
    """Have a schedule's next tick in the queue, whatever became of the one that this run's tick has queued."""
    due = os.environ.get(RUN, "").partition(".")[2]
    if due:
        try:
            keep_firing(Transport(), str(Path.cwd().parents[1]), of_stamp(due))
        except PodiumError as error:
            logger.warning("whether the schedule goes on firing could not be seen: %s", error)


class ResumableRunner(StepRunner):
    """A step that saved its state and asks to be started again is neither failed nor finished."""

    def _load_step(self) -> BaseStep:
        step = super()._load_step()
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
