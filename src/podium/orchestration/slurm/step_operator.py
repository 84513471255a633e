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
from podium.orchestration.slurm import again, jobs
from podium.orchestration.slurm.entrypoint import SlurmEntrypointConfiguration
from podium.orchestration.slurm.environment import job_environment, on_the_nodes, transport_to
from podium.orchestration.slurm.explain import cause
from podium.orchestration.slurm.follow import Follower
from podium.orchestration.slurm.jobs import FOLDER, JOB
from podium.orchestration.slurm.poller import UNKNOWN, Poller, poller_for
from podium.orchestration.slurm.recovery import hindrance, outcome, unrecorded
from podium.orchestration.slurm.script import ENVIRONMENT, asked_for, render
from podium.orchestration.slurm.settings import SlurmSettings, SlurmStepOperatorConfig
from podium.orchestration.slurm.states import STUCK, Job, Phase
from podium.orchestration.slurm.transport import SlurmError, Transport

logger = logging.getLogger(__name__)

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
        return transport_to(self.config)

    @property
    def poller(self) -> Poller:
        """Shared by all objects of this place."""
        return poller_for(self.transport, self.config.poll_seconds)

    @property
    def follower(self) -> Follower:
        """Likewise."""
        with _lock:
            return _places.setdefault(place := (self.transport, self.config.poll_seconds), Follower(*place))

    def submit(self, info: StepRunInfo, entrypoint_command: list[str], environment: dict[str, str]) -> None:
        """Submit a step's job and return.

        Raises:
            SlurmError: Slurm refuses the job, or does not answer for ten minutes.
        """
        wanted = self._submission(info, entrypoint_command, environment)
        job = jobs.submit(self.transport, wanted, room=jobs.Room(self.poller, self.config.max_jobs))
        self._record(info.step_run, job, wanted.folder)
        logger.info("%s is job %s, in %s", info.pipeline_step_name, job, wanted.folder)

    def get_status(self, step_run: StepRunResponse) -> ExecutionStatus:
        """How a step fares. Where its job ended without a result, the step is set to failed with the cause."""
        job, folder = self._find(step_run)
        if job is None:
            return self._unsubmitted(step_run, folder)
        self.follower.add(folder, step_run.name)
        self.follower.read()
        with _lock:
            _live[job] = (self.transport, folder)  # also of a job that an earlier driver submitted
        known = self.poller.look(job)
        seen = known or outcome(self.transport, job, folder)
        if seen is None or (known and self._comes_again(step_run, known, folder)):
            return self._again(step_run, folder, seen or Job(job, UNKNOWN))
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
        """Cancel a step's job; one that was never submitted will not be."""
        job, folder = self._find(step_run)
        jobs.cancel(self.transport, [job] if job else [], [folder])

    def cleanup_step_submission(self, step_run: StepRunResponse) -> None:
        """Remove the credentials of an ended job, and follow it no longer."""
        job, folder = self._find(step_run)
        self.transport.remove(folder, ENVIRONMENT)
        self.follower.end(folder)
        self._forget(job)

    def _forget(self, job: str | None) -> None:
        if job is not None:
            self.poller.forget(job)
            with _lock:
                _live.pop(job, None)

    def _submission(self, info: StepRunInfo, command: list[str], environment: dict[str, str]) -> jobs.Submission:
        settings = cast(SlurmSettings, self.get_settings(info))
        asked = asked_for(info.config.resource_settings, settings)
        folder = self._folder(info.run_name, info.pipeline_step_name, str(info.step_run_id))
        name = f"{info.pipeline.name}.{info.pipeline_step_name}.{str(info.step_run_id)[:8]}"
        user = Client().active_user.name or getpass.getuser()
        comment = f"ZenML run {info.run_name}, step {info.pipeline_step_name}, user {user}"
        line = on_the_nodes(self.config, command)
        script = render(name=name, comment=comment, folder=folder, command=line, asked=asked, settings=settings)
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

    def _find(self, step_run: StepRunResponse) -> tuple[str | None, str]:
        """The job and the folder of a step run; of one whose driver died before it recorded them, by the job's name."""
        known: dict[str, Any] = step_run.run_metadata
        if JOB not in known:
            known = Client().get_run_step(step_run.id).run_metadata
        if JOB not in known:
            name, folder = self._place(step_run)
            job = unrecorded(self.transport, name, folder)
            if job is None:
                return None, folder
            self._record(step_run, job, folder)
            known = step_run.run_metadata
        step_run.run_metadata.update({JOB: known[JOB], FOLDER: known[FOLDER]})
        return str(known[JOB]), str(known[FOLDER])

    def _place(self, step_run: StepRunResponse) -> tuple[str, str]:
        """The name and the folder that a step's job has or would have."""
        run = Client().get_pipeline_run(step_run.pipeline_run_id)
        name = f"{run.pipeline.name if run.pipeline else ''}.{step_run.name}.{str(step_run.id)[:8]}"
        return name, self._folder(run.name, step_run.name, str(step_run.id))

    def _unsubmitted(self, step_run: StepRunResponse, folder: str) -> ExecutionStatus:
        """A driver died between the making of the step run and the submission: go on where it was, or tell."""
        if (found := hindrance(self.transport, folder)) is not None:
            return self._fail(step_run, found)
        return self._again(step_run, folder, None)

    def _comes_again(self, step_run: StepRunResponse, job: Job, folder: str) -> bool:
        """Whether a job that Slurm took away for good is to be submitted again."""
        if again.taken(job) is None or again.under_way(folder):
            return again.taken(job) is not None
        if Client().get_run_step(step_run.id).status.is_finished:
            return False
        return again.may_start_again(self.transport, job, folder, cast(SlurmSettings, self.get_settings(step_run)))

    def _again(self, step_run: StepRunResponse, folder: str, lost: Job | None) -> ExecutionStatus:
        """Submit what lies in a folder, without waiting: this is called at every look, for all steps in turn."""

        def made() -> jobs.Turn:
            settings = cast(SlurmSettings, self.get_settings(step_run))
            asked, name = asked_for(step_run.config.resource_settings, settings), self._place(step_run)[0]
            wanted = jobs.Submission(name, folder, "", {}, asked, settings)
            room = jobs.Room(self.poller, self.config.max_jobs)
            return jobs.Turn(self.transport, wanted, room, submitted=True, delay=again.GATHER)

        try:
            job = again.submit_again(self.transport, step_run.name, folder, lost, made)
        except SlurmError as error:
            return self._fail(step_run, error)
        if job is not None:
            self._forget(lost.id if lost else None)
            self._record(step_run, job, folder)
        return ExecutionStatus.PROVISIONING

    def _waiting(self, step_run: StepRunResponse, job: Job) -> None:
        """Start a requeued job soon; say, once, of a job that cannot start until somebody changes something."""
        jobs.release(self.transport, job)
        if job.reason in STUCK and (job.id, job.reason) not in _told:
            _told.add((job.id, job.reason))
            told = "%s: job %s cannot start as things are (%s): `scontrol show job %s` tells more"
            logger.warning(told, step_run.name, job.id, job.reason, job.id)

    def _ended(self, step_run: StepRunResponse, job: Job, output: list[str]) -> ExecutionStatus:
        """The step's own word counts; where it left none, the job's end is recorded as the step's."""
        recorded = Client().get_run_step(step_run.id)
        if recorded.status in (ExecutionStatus.PROVISIONING, ExecutionStatus.RUNNING):
            settings = cast(SlurmSettings, self.get_settings(step_run))
            return self._fail(
                step_run, cause(job, asked_for(step_run.config.resource_settings, settings), settings, output)
            )
        return ExecutionStatus.COMPLETED if recorded.status.is_successful else ExecutionStatus.FAILED

    def _fail(self, step_run: StepRunResponse, error: SlurmError) -> ExecutionStatus:
        """Record why a step has no result."""
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
