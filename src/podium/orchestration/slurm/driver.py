"""What runs in the driver's job: a whole pipeline, which may be started again."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from uuid import UUID

from zenml.client import Client
from zenml.integrations.registry import integration_registry
from zenml.models import PipelineRunResponse, PipelineSnapshotResponse
from zenml.orchestrators.publish_utils import publish_pipeline_run_metadata
from zenml.pipelines.dynamic.entrypoint_configuration import RUN_ID_OPTION, DynamicPipelineEntrypointConfiguration
from zenml.pipelines.run_utils import create_placeholder_run
from zenml.utils import source_utils

from podium.errors import REQUEUE, PodiumError
from podium.orchestration.slurm.health import keep_firing
from podium.orchestration.slurm.jobs import FOLDER, JOB
from podium.orchestration.slurm.plan import of_stamp
from podium.orchestration.slurm.static import StaticDriver
from podium.orchestration.slurm.surroundings import require_surroundings
from podium.orchestration.slurm.tick import RUN
from podium.orchestration.slurm.transport import Transport

logger = logging.getLogger(__name__)


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
