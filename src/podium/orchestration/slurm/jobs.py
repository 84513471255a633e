"""Submit, find and cancel jobs: what needs Slurm's commands, and nothing of ZenML."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from podium.orchestration.slurm.explain import AGAIN, FULL, refusal
from podium.orchestration.slurm.poller import Poller
from podium.orchestration.slurm.script import CANCELLED, ENVIRONMENT, SCRIPT, Asked, environment_file
from podium.orchestration.slurm.settings import SlurmSettings
from podium.orchestration.slurm.states import Job
from podium.orchestration.slurm.transport import Done, SlurmError, SlurmUnreachable, Transport

logger = logging.getLogger(__name__)

JOB: Final = "slurm_job"
FOLDER: Final = "slurm_folder"
"""Keys of a run's or step run's metadata, from which a new driver finds the job again."""
PATIENCE: Final = 600.0
"""Seconds for which a submission waits for a controller that does not answer."""
SETTLED: Final = 5.0
"""Seconds. If a requeued job starts at once, Slurm takes the end of its first start, told late, for that of the second
(seen with 22.05)."""
_submitting: Final = threading.Lock()
_requeued: Final[dict[tuple[str, int], float]] = {}


@dataclass(frozen=True)
class Submission:
    """A job that is to be."""

    name: str
    folder: str
    """With the name unique: a submission whose answer was lost is found by them."""
    script: str
    environment: dict[str, str]
    asked: Asked
    settings: SlurmSettings


def submit(
    transport: Transport, wanted: Submission, *, patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep
) -> str:
    """Write the job's folder and hand its script to sbatch, one job after the other.

    Returns:
        The job's id.

    Raises:
        SlurmError: Slurm refuses the job; nothing waits in the queue.
        SlurmUnreachable: The controller did not answer for ``patience`` seconds.
    """
    files = {SCRIPT: wanted.script, ENVIRONMENT: environment_file(wanted.environment)}
    transport.write(wanted.folder, files)
    try:
        with _submitting:
            return resubmit(transport, wanted, patience=patience, sleep=sleep)
    except BaseException:
        transport.remove(wanted.folder, ENVIRONMENT)
        raise


def resubmit(
    transport: Transport, wanted: Submission, *, patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep
) -> str:
    """Hand the script of an existing folder to sbatch."""
    last, pause, told = time.monotonic() + patience, 1.0, False
    while True:
        done = _sbatch(transport, wanted.folder)
        if done.status == 0:
            return done.stdout.strip().split(";")[0]
        full = any(sign in done.stderr for sign in FULL)
        if not full and not any(sign.lower() in done.stderr.lower() for sign in AGAIN):
            raise refusal(done.stderr, wanted.asked, wanted.settings, transport)
        if not full and time.monotonic() > last:
            raise SlurmUnreachable(
                f"Slurm took no job for {patience:.0f} s: {done.stderr.strip()}",
                remedy="see whether `scontrol ping` answers, and run the same command again",
            )
        if not told:
            logger.warning("%s waits to be submitted: %s", wanted.name, done.stderr.strip())
            told = True
        sleep(pause)
        pause = min(pause * 2, 30.0)
        if found := find(transport, wanted.name, wanted.folder):  # the answer was lost, not the job
            return found


def _sbatch(transport: Transport, folder: str) -> Done:
    try:
        # The job's output gets the permissions that the submission's umask leaves.
        return transport.run("sh", "-c", 'umask 077 && exec sbatch --parsable "$1"', "submit", f"{folder}/{SCRIPT}")
    except SlurmUnreachable as error:
        return Done(1, "", f"Unable to contact slurm controller: {error.message}")


def find(transport: Transport, name: str, folder: str | None = None) -> str | None:
    """The id of the user's job of that name (and folder) which has not ended; None if there is none, or no answer."""
    try:
        done = transport.run("squeue", "--me", "--noheader", f"--name={name}", "--format=%i|%Z")
    except SlurmUnreachable:
        return None
    lines = [line.partition("|") for line in done.stdout.splitlines()] if done.status == 0 else []
    return next((job for job, _, where in lines if folder in (None, where)), None)


def cancel(transport: Transport, jobs: Sequence[str], folders: Sequence[str]) -> None:
    """Cancel jobs with one command; ended ones are no error.

    Raises:
        SlurmError: Slurm refuses, or does not answer.
    """
    for folder in folders:
        transport.write(folder, {CANCELLED: ""})  # before: a job that starts this moment ends by itself
    done = transport.run("scancel", "--quiet", *jobs)
    if done.status and "Invalid job id" not in done.stderr:
        raise SlurmError(f"jobs {', '.join(jobs)} could not be cancelled: {done.stderr.strip()}")
    for folder in folders:
        transport.remove(folder, ENVIRONMENT)


def release(transport: Transport, job: Job, clock: Callable[[], float] = time.monotonic) -> None:
    """Have a requeued job start once it has waited for ``SETTLED`` seconds; call it again and again.

    Slurm would hold it back for two minutes, lest it meet a broken node again.
    """
    if not job.restarts or job.reason != "BeginTime":
        return
    since = _requeued.setdefault((job.id, job.restarts), clock())
    if clock() - since >= SETTLED:
        _requeued[job.id, job.restarts] = math.inf
        transport.run("scontrol", "update", f"JobId={job.id}", "StartTime=now")


def await_place(poller: Poller, limit: int | None, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until fewer than ``limit`` of our jobs wait or run."""
    while limit is not None and len(poller.active()) >= limit:
        sleep(1.0)
