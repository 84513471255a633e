"""The step operator: ZenML hands it steps, it hands them to Slurm and tells how they fare."""

from __future__ import annotations

import getpass
import logging
import threading
from datetime import UTC, datetime
from typing import Any, Final, cast

from zenml.client import Client
from zenml.config.base_settings import BaseSettings
from zenml.config.step_run_info import StepRunInfo
from zenml.enums import ExecutionStatus
from zenml.models import ExceptionInfo, StepRunResponse, StepRunUpdate
from zenml.orchestrators.publish_utils import publish_step_run_metadata
from zenml.step_operators import BaseStepOperator

from podium.errors import PodiumError
from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.entrypoint import SlurmEntrypointConfiguration
from podium.orchestration.slurm.environment import job_environment, on_the_nodes
from podium.orchestration.slurm.explain import cause
from podium.orchestration.slurm.follow import Follower
from podium.orchestration.slurm.poller import Poller, poller_for
from podium.orchestration.slurm.script import ENDED, ENVIRONMENT, STARTED, asked_for, render
from podium.orchestration.slurm.settings import SlurmSettings, SlurmStepOperatorConfig
from podium.orchestration.slurm.states import STUCK, Job, Phase
from podium.orchestration.slurm.transport import SlurmError, Transport

logger = logging.getLogger(__name__)

JOB: Final = "slurm_job"
FOLDER: Final = "slurm_folder"
"""Keys of the step run's metadata, from which a new driver finds the job again."""
_places: Final[dict[tuple[Transport, float], Follower]] = {}
_lock: Final = threading.Lock()
_told: Final[set[tuple[str, str]]] = set()
_live: Final[dict[str, tuple[Transport, str]]] = {}
"""Jobs of this process's runs that have not been seen to end: job id to place and folder."""


class SlurmStepOperator(BaseStepOperator):
    """Runs steps as Slurm jobs; see docs/design/slurm.md."""

    @property
    def config(self) -> SlurmStepOperatorConfig:
        """The component's configuration."""
        return cast(SlurmStepOperatorConfig, self._config)

    @property
    def settings_class(self) -> type[BaseSettings]:
        """What a step may set."""
        return SlurmSettings

    @property
    def entrypoint_config_class(self) -> type[SlurmEntrypointConfiguration]:
        """What runs in the job."""
        return SlurmEntrypointConfiguration

    @property
    def transport(self) -> Transport:
        """Where Slurm's commands are."""
        return Transport(self.config.host, tuple(self.config.ssh_options), self.config.conf)

    @property
    def poller(self) -> Poller:
        """Shared by all objects of this place."""
        return poller_for(self.transport, self.config.poll_seconds)

    @property
    def follower(self) -> Follower:
        """Likewise."""
        with _lock:
            return _places.setdefault(
                (self.transport, self.config.poll_seconds), Follower(self.transport, self.config.poll_seconds)
            )

    def submit(self, info: StepRunInfo, entrypoint_command: list[str], environment: dict[str, str]) -> None:
        """Submit a step's job and return.

        Raises:
            SlurmError: Slurm refuses the job, or does not answer for ten minutes.
        """
        wanted = self._submission(info, entrypoint_command, environment)
        jobs.await_place(self.poller, self.config.max_jobs)
        job = jobs.submit(self.transport, wanted)
        self._record(info.step_run, job, wanted.folder)
        logger.info("%s is job %s, in %s", info.pipeline_step_name, job, wanted.folder)

    def get_status(self, step_run: StepRunResponse) -> ExecutionStatus:
        """How a step fares. Where its job ended without a result, the step is set to failed with the cause."""
        job, folder = self._find(step_run)
        self.follower.add(folder, step_run.name)
        self.follower.read()
        seen = self.poller.look(job)
        if seen is None:
            seen = self._forgotten(step_run, job, folder)
        if seen.phase is Phase.WAITING:
            self._waiting(step_run, seen)
            return ExecutionStatus.PROVISIONING
        if seen.phase is Phase.RUNNING:
            return ExecutionStatus.RUNNING
        output = self.follower.end(folder)
        with _lock:
            _live.pop(job, None)
        return self._ended(step_run, seen, output)

    def cancel(self, step_run: StepRunResponse) -> None:
        """Cancel a step's job."""
        job, folder = self._find(step_run)
        jobs.cancel(self.transport, [job], [folder])

    def cleanup_step_submission(self, step_run: StepRunResponse) -> None:
        """Remove the credentials of an ended job, and follow it no longer."""
        job, folder = self._find(step_run)
        self.transport.remove(folder, ENVIRONMENT)
        self.poller.forget(job)
        self.follower.end(folder)
        with _lock:
            _live.pop(job, None)

    def _submission(self, info: StepRunInfo, command: list[str], environment: dict[str, str]) -> jobs.Submission:
        settings = cast(SlurmSettings, self.get_settings(info))
        asked = asked_for(info.config.resource_settings, settings)
        folder = self._folder(info.run_name, info.pipeline_step_name, str(info.step_run_id))
        name = f"{info.pipeline.name}.{info.pipeline_step_name}.{str(info.step_run_id)[:8]}"
        comment = f"ZenML run {info.run_name}, step {info.pipeline_step_name}, user {_user()}"
        command = on_the_nodes(self.config, command)
        script = render(name=name, comment=comment, folder=folder, command=command, asked=asked, settings=settings)
        return jobs.Submission(name, folder, script, job_environment(self.config, folder, environment), asked, settings)

    def _folder(self, run: str, step: str, step_run: str) -> str:
        return f"{self.config.folder.rstrip('/')}/{run}/{step}.{step_run}"

    def _record(self, step_run: StepRunResponse, job: str, folder: str) -> None:
        found = {JOB: job, FOLDER: folder}
        self.poller.track(job)
        with _lock:
            _live[job] = (self.transport, folder)
        publish_step_run_metadata(step_run_id=step_run.id, step_run_metadata={self.id: dict(found)})
        step_run.run_metadata.update(found)

    def _find(self, step_run: StepRunResponse) -> tuple[str, str]:
        """The job and the folder of a step run; of one whose driver died before it recorded them, by the job's name."""
        known: dict[str, Any] = step_run.run_metadata
        if JOB not in known:
            known = Client().get_run_step(step_run.id).run_metadata
        if JOB not in known:
            run = Client().get_pipeline_run(step_run.pipeline_run_id)
            name = f"{run.pipeline.name if run.pipeline else ''}.{step_run.name}.{str(step_run.id)[:8]}"
            job = jobs.find(self.transport, name)
            if job is None:
                raise SlurmError(f"no job is known of step {step_run.name}")
            self._record(step_run, job, self._folder(run.name, step_run.name, str(step_run.id)))
            known = step_run.run_metadata
        step_run.run_metadata.update({JOB: known[JOB], FOLDER: known[FOLDER]})
        return str(known[JOB]), str(known[FOLDER])

    def _forgotten(self, step_run: StepRunResponse, job: str, folder: str) -> Job:
        """What became of a job that Slurm does not know: its own record tells, or it never began and begins anew."""
        records = self.transport.read(folder, STARTED, ENDED)
        if status := records.get(ENDED, "").strip():
            return Job(job, "COMPLETED" if status == "0" else "FAILED", int(status))
        if STARTED in records:
            return Job(job, "NODE_FAIL")
        settings = cast(SlurmSettings, self.get_settings(step_run))
        asked = asked_for(step_run.config.resource_settings, settings)
        again = jobs.resubmit(self.transport, jobs.Submission(step_run.name, folder, "", {}, asked, settings))
        logger.warning("Slurm has lost job %s of %s before it began; it is job %s now", job, step_run.name, again)
        self.poller.forget(job)
        with _lock:
            _live.pop(job, None)
        self._record(step_run, again, folder)
        return Job(again, "PENDING")

    def _waiting(self, step_run: StepRunResponse, job: Job) -> None:
        """Start a requeued job soon; say, once, of a job that cannot start until somebody changes something."""
        jobs.release(self.transport, job)
        if job.reason in STUCK and (job.id, job.reason) not in _told:
            _told.add((job.id, job.reason))
            advice = f"`scontrol show job {job.id}`, `scancel {job.id}`"
            logger.warning("%s: job %s cannot start as things are (%s): %s", step_run.name, job.id, job.reason, advice)

    def _ended(self, step_run: StepRunResponse, job: Job, output: list[str]) -> ExecutionStatus:
        """The step's own word counts; where it left none, the job's end is recorded as the step's."""
        recorded = Client().get_run_step(step_run.id)
        if recorded.status in (ExecutionStatus.PROVISIONING, ExecutionStatus.RUNNING):
            settings = cast(SlurmSettings, self.get_settings(step_run))
            error = cause(job, asked_for(step_run.config.resource_settings, settings), settings, output)
            logger.error("%s: %s", step_run.name, error)
            Client().zen_store.update_run_step(
                step_run.id,
                StepRunUpdate(
                    status=ExecutionStatus.FAILED,
                    end_time=datetime.now(UTC).replace(tzinfo=None),
                    exception_info=ExceptionInfo(
                        traceback=str(error),
                        message=str(error),
                        source=f"{PodiumError.__module__}.{PodiumError.__name__}",
                    ),
                ),
            )
            return ExecutionStatus.FAILED
        return ExecutionStatus.COMPLETED if recorded.status.is_successful else ExecutionStatus.FAILED


def cancel_all() -> None:
    """Cancel the jobs of this process that have not ended: nobody waits for them any more."""
    with _lock:
        live = dict(_live)
        _live.clear()
    for place in {transport for transport, _ in live.values()}:
        mine = {job: folder for job, (transport, folder) in live.items() if transport == place}
        try:
            jobs.cancel(place, list(mine), list(mine.values()))
        except SlurmError as error:
            logger.error("%s", error)


def _user() -> str:
    return Client().active_user.name or getpass.getuser()
