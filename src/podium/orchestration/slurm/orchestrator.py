"""The orchestrator: the driver of a dynamic pipeline is a small job of its own, so that a laptop may be closed."""

from __future__ import annotations

import logging
import os
import time
from typing import Final, cast

from zenml.client import Client
from zenml.config import ResourceSettings
from zenml.config.base_settings import BaseSettings
from zenml.enums import ExecutionMode, ExecutionStatus
from zenml.models import PipelineRunResponse, PipelineSnapshotResponse
from zenml.orchestrators import BaseOrchestrator, SubmissionResult
from zenml.orchestrators.publish_utils import publish_pipeline_run_status_update, publish_stopped_step_run
from zenml.stack import Stack

from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.entrypoint import SlurmDriverEntrypointConfiguration
from podium.orchestration.slurm.environment import job_environment, on_the_nodes
from podium.orchestration.slurm.explain import cause
from podium.orchestration.slurm.follow import Follower
from podium.orchestration.slurm.poller import poller_for
from podium.orchestration.slurm.script import ENVIRONMENT, asked_for, render
from podium.orchestration.slurm.settings import SlurmOrchestratorConfig, SlurmSettings
from podium.orchestration.slurm.states import Job, Phase
from podium.orchestration.slurm.step_operator import FOLDER, JOB
from podium.orchestration.slurm.transport import SlurmError, Transport

logger = logging.getLogger(__name__)

RUN: Final = "PODIUM_SLURM_RUN"
"""In the driver's environment: the id of its run."""


class SlurmOrchestrator(BaseOrchestrator):
    """Runs drivers as Slurm jobs; see docs/design/slurm.md."""

    @property
    def config(self) -> SlurmOrchestratorConfig:
        """The component's configuration."""
        return cast(SlurmOrchestratorConfig, self._config)

    @property
    def settings_class(self) -> type[BaseSettings]:
        """What a pipeline may set for its driver."""
        return SlurmSettings

    @property
    def transport(self) -> Transport:
        """Where Slurm's commands are."""
        return Transport(self.config.host, tuple(self.config.ssh_options), self.config.conf)

    @property
    def supported_execution_modes(self) -> list[ExecutionMode]:
        """All: ZenML's own driver heeds them."""
        return list(ExecutionMode)

    def get_orchestrator_run_id(self) -> str:
        """The run's id, in the driver. Raises RuntimeError elsewhere."""
        try:
            return os.environ[RUN]
        except KeyError:
            raise RuntimeError("only the driver's job knows the run's id") from None

    def submit_dynamic_pipeline(
        self,
        snapshot: PipelineSnapshotResponse,
        stack: Stack,
        environment: dict[str, str],
        placeholder_run: PipelineRunResponse | None = None,
    ) -> SubmissionResult:
        """Submit the driver.

        Raises:
            SlurmError: Slurm refuses the job, or the pipeline has a schedule.
        """
        if snapshot.schedule or placeholder_run is None:
            raise SlurmError(
                "the slurm orchestrator has no schedules yet", remedy="call `zenml pipeline run` from cron"
            )
        run = placeholder_run
        settings = cast(SlurmSettings, self.get_settings(snapshot))
        asked = asked_for(ResourceSettings(), settings)
        folder = f"{self.config.folder.rstrip('/')}/{run.name}/driver.{run.id}"
        name = f"{snapshot.pipeline_configuration.name}.driver.{str(run.id)[:8]}"
        entrypoint = SlurmDriverEntrypointConfiguration
        command = [
            *entrypoint.get_entrypoint_command(),
            *entrypoint.get_entrypoint_arguments(snapshot_id=snapshot.id, run_id=str(run.id)),
        ]
        script = render(
            name=name,
            comment=f"ZenML run {run.name}, driver, user {Client().active_user.name}",
            folder=folder,
            command=on_the_nodes(self.config, command),
            asked=asked,
            settings=settings,
        )
        variables = job_environment(self.config, folder, {**environment, RUN: str(run.id)})
        job = jobs.submit(self.transport, jobs.Submission(name, folder, script, variables, asked, settings))
        logger.info("the driver of %s is job %s, in %s", run.name, job, folder)

        def wait() -> None:
            self._wait(run, job, folder, settings)

        return SubmissionResult(
            wait_for_completion=wait if self.config.synchronous else None, metadata={JOB: job, FOLDER: folder}
        )

    def submit_pipeline(
        self,
        snapshot: PipelineSnapshotResponse,
        stack: Stack,
        base_environment: dict[str, str],
        step_environments: dict[str, dict[str, str]],
        placeholder_run: PipelineRunResponse | None = None,
    ) -> SubmissionResult | None:
        """Refuse a static pipeline. Raises SlurmError."""
        raise SlurmError(
            f"pipeline {snapshot.pipeline_configuration.name} is static, and the slurm orchestrator runs dynamic ones",
            remedy="declare it with @pipeline(dynamic=True), or take a stack with the local orchestrator",
        )

    def fetch_status(
        self, run: PipelineRunResponse, include_steps: bool = False
    ) -> tuple[ExecutionStatus | None, dict[str, ExecutionStatus] | None]:
        """What the run says of itself; failed if its driver has ended without a word."""
        recorded = Client().get_pipeline_run(run.id)
        job = recorded.run_metadata.get(JOB)
        if recorded.status.is_finished or job is None:
            return recorded.status, None
        seen = poller_for(self.transport, self.config.poll_seconds).look(str(job))
        ended = seen is None or seen.phase in (Phase.SUCCEEDED, Phase.FAILED)
        return (ExecutionStatus.FAILED if ended else recorded.status), None

    def _stop_run(self, run: PipelineRunResponse, graceful: bool = False) -> None:
        """Cancel the driver first, lest it submit more, and then the jobs of its steps."""
        recorded = Client().get_pipeline_run(run.id)
        for known in (recorded.run_metadata, *(step.run_metadata for step in recorded.steps.values())):
            if JOB in known:
                jobs.cancel(self.transport, [str(known[JOB])], [str(known[FOLDER])])
        for step in recorded.steps.values():
            if not step.status.is_finished:
                publish_stopped_step_run(step.id)
        publish_pipeline_run_status_update(recorded.id, ExecutionStatus.STOPPED, "stopped on request")

    def _wait(self, run: PipelineRunResponse, job: str, folder: str, settings: SlurmSettings) -> None:
        """Pass on what the driver prints until it ends. Raises SlurmError if the run failed."""
        poller = poller_for(self.transport, self.config.poll_seconds)
        follower = Follower(self.transport, self.config.poll_seconds, lambda _, line: logger.info("%s", line))
        poller.track(job)
        follower.add(folder, run.name)
        seen: Job | None = None
        while seen is None or seen.phase in (Phase.WAITING, Phase.RUNNING):
            time.sleep(self.config.poll_seconds)
            follower.read()
            seen = poller.look(job) or Job(job, "NODE_FAIL")
            jobs.release(self.transport, seen)
        output = follower.end(folder)
        poller.forget(job)
        self.transport.remove(folder, ENVIRONMENT)
        recorded = Client().get_pipeline_run(run.id)
        if recorded.status.is_successful or recorded.status is ExecutionStatus.PAUSED:
            return
        error = cause(seen, asked_for(ResourceSettings(), settings), settings, output)
        if not recorded.status.is_finished:
            publish_pipeline_run_status_update(run.id, ExecutionStatus.FAILED, error.message)
        raise error
