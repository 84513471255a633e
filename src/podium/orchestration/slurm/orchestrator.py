"""The orchestrator: the driver of a pipeline is a small job of its own, so that a laptop may be closed."""

from __future__ import annotations

import logging
import os
import time
from typing import cast
from uuid import UUID

from zenml.client import Client
from zenml.config import ResourceSettings
from zenml.config.base_settings import BaseSettings
from zenml.enums import ExecutionMode, ExecutionStatus
from zenml.metadata.metadata_types import MetadataType
from zenml.models import PipelineRunResponse, PipelineSnapshotResponse, ScheduleResponse, ScheduleUpdate
from zenml.orchestrators import BaseOrchestrator, SubmissionResult
from zenml.orchestrators.publish_utils import publish_pipeline_run_metadata, publish_pipeline_run_status_update
from zenml.stack import Stack

from podium.orchestration.looks import look_of
from podium.orchestration.slurm import again, jobs, schedules
from podium.orchestration.slurm.driver import SlurmDriverEntrypointConfiguration
from podium.orchestration.slurm.environment import job_environment, on_the_nodes, transport_to
from podium.orchestration.slurm.explain import cause
from podium.orchestration.slurm.follow import Follower
from podium.orchestration.slurm.jobs import FOLDER, JOB
from podium.orchestration.slurm.poller import poller_for
from podium.orchestration.slurm.script import ENVIRONMENT, asked_for, render
from podium.orchestration.slurm.settings import SlurmOrchestratorConfig, SlurmSettings
from podium.orchestration.slurm.states import Job, Phase
from podium.orchestration.slurm.stop import stop_run
from podium.orchestration.slurm.tick import RUN
from podium.orchestration.slurm.transport import SlurmError, Transport

logger = logging.getLogger(__name__)


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
        return transport_to(self.config)

    @property
    def supported_execution_modes(self) -> list[ExecutionMode]:
        """All: ZenML's own driver heeds them."""
        return list(ExecutionMode)

    def get_orchestrator_run_id(self) -> str:
        """The run's id, or the schedule and its time, in the driver. Raises RuntimeError elsewhere."""
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
        """Submit the driver, or have Slurm start one whenever the schedule is due.

        Raises:
            SlurmError: Slurm refuses the job.
        """
        if placeholder_run is None:
            return self._schedule(snapshot, environment)
        return self._submit(snapshot, environment, placeholder_run)

    def submit_pipeline(
        self,
        snapshot: PipelineSnapshotResponse,
        stack: Stack,
        base_environment: dict[str, str],
        step_environments: dict[str, dict[str, str]],
        placeholder_run: PipelineRunResponse | None = None,
    ) -> SubmissionResult:
        """The same with a static pipeline, whose driver gives each step its environment. Raises SlurmError."""
        return self.submit_dynamic_pipeline(snapshot, stack, base_environment, placeholder_run)

    def _submit(
        self, snapshot: PipelineSnapshotResponse, environment: dict[str, str], run: PipelineRunResponse
    ) -> SubmissionResult:
        settings = cast(SlurmSettings, self.get_settings(snapshot))
        asked = asked_for(ResourceSettings(), settings)
        folder = f"{self.config.folder.rstrip('/')}/{run.name}/driver.{run.id}"
        name = _driver_name(run)
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

    def update_schedule(self, schedule: ScheduleResponse, update: ScheduleUpdate) -> None:
        """Change when a schedule fires, or whether. Raises SlurmError."""
        schedules.change(self.transport, self.schedule_folder(schedule.id), update.cron_expression, update.active)

    def delete_schedule(self, schedule: ScheduleResponse) -> None:
        """Have a schedule fire no more; its runs go on. Raises SlurmError."""
        schedules.end(self.transport, self.schedule_folder(schedule.id))

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
        """Cancel the driver, and once it submits no more, the jobs of its steps.

        Raises:
            SlurmError: Some could not be cancelled; the others are.
        """
        stop_run(self.transport, poller_for(self.transport, self.config.poll_seconds), run.id)

    def schedule_folder(self, schedule: UUID) -> str:
        """Where a schedule's plan lies."""
        return f"{self.config.folder.rstrip('/')}/schedules/{schedule}"

    def _schedule(self, snapshot: PipelineSnapshotResponse, environment: dict[str, str]) -> SubmissionResult:
        """Have Slurm start the drivers of a schedule. What ZenML stored of a refused one is removed."""
        schedule = snapshot.schedule
        assert schedule is not None
        folder = self.schedule_folder(schedule.id)
        entrypoint = SlurmDriverEntrypointConfiguration
        command = [*entrypoint.get_entrypoint_command(), *entrypoint.get_entrypoint_arguments(snapshot_id=snapshot.id)]
        variables = job_environment(self.config, folder, environment)
        interval = schedule.interval_second
        try:
            plan = schedules.planned(
                self.transport,
                self.config,
                schedule=schedule.id,
                name=schedule.name,
                pipeline=snapshot.pipeline_configuration.name,
                user=Client().active_user.name,
                folder=folder,
                cron=schedule.cron_expression,
                start=schedule.start_time,
                end=schedule.end_time,
                once=schedule.run_once_start_time,
                interval=interval.total_seconds() if interval else None,
                catchup=schedule.catchup,
                python=on_the_nodes(self.config, ["python"])[0],
                paths=variables["PYTHONPATH"],
                command=tuple(on_the_nodes(self.config, command)),
                look=tuple(on_the_nodes(self.config, list(look_of(snapshot.pipeline_configuration)))),
                parameters=snapshot.pipeline_configuration.parameters or {},
                settings=SlurmSettings.model_validate(
                    self.get_settings(snapshot).model_dump(include=set(SlurmSettings.model_fields))
                ),
            )
            schedules.begin(self.transport, plan, variables)
        except SlurmError:
            Client().zen_store.delete_schedule(schedule.id, soft=False)
            raise
        return SubmissionResult(metadata={FOLDER: folder})

    def _again(self, run: PipelineRunResponse, job: Job, folder: str, settings: SlurmSettings) -> str | None:
        """Submit a driver again that Slurm took away for good. Returns its job; None if it has ended."""
        if again.taken(job) is None or Client().get_pipeline_run(run.id).status.is_finished:
            return None
        asked = asked_for(ResourceSettings(), settings)
        wanted = jobs.Submission(_driver_name(run), folder, "", {}, asked, settings)
        try:
            if not again.may_start_again(self.transport, job, folder, settings):
                return None
            turn = jobs.Turn(self.transport, wanted, submitted=True, delay=again.GATHER)
            while (found := again.submit_again(self.transport, "the driver", folder, job, lambda: turn)) is None:
                time.sleep(self.config.poll_seconds)
        except SlurmError as error:
            logger.error("the driver could not be submitted again: %s", error)
            return None
        where: dict[str, MetadataType] = {JOB: found, FOLDER: folder}
        publish_pipeline_run_metadata(pipeline_run_id=run.id, pipeline_run_metadata={self.id: where})
        return found

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
            known = poller.look(job)
            seen = known or Job(job, "NODE_FAIL")
            jobs.release(self.transport, seen)
            if known and (following := self._again(run, known, folder, settings)):
                poller.forget(job)
                poller.track(job := following)
                seen = None
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


def _driver_name(run: PipelineRunResponse) -> str:
    return f"{run.pipeline.name if run.pipeline else ''}.driver.{str(run.id)[:8]}"
