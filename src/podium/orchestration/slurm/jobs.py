"""Submit, find and cancel jobs: what needs Slurm's commands, and nothing of ZenML."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from podium.orchestration.slurm.explain import Kept, kept_by, refusal
from podium.orchestration.slurm.poller import Poller
from podium.orchestration.slurm.script import CANCELLED, ENVIRONMENT, SCRIPT, Asked, environment_file
from podium.orchestration.slurm.settings import SlurmSettings
from podium.orchestration.slurm.states import Job
from podium.orchestration.slurm.transport import Done, SlurmError, SlurmUnreachable, Transport, last_line

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


@dataclass(frozen=True)
class Room:
    """The queue as far as our own limit goes: so many jobs that ``poller`` follows wait or run at a time."""

    poller: Poller
    limit: int | None

    def free(self) -> bool:
        """Whether one more may be submitted now."""
        return self.limit is None or len(self.poller.active()) < self.limit


class Turn:
    """One job's way into the queue: ``take`` is called until it gives the job's id.

    One job after the other, and nobody comes between the look at the room, the submission and the counting of its
    job. While a job waits for its turn, others may go before it: what keeps it may not concern them.

    Args:
        transport: Where Slurm's commands are.
        wanted: The job, whose folder is written.
        room: Our own limit, if there is one.
        patience: Seconds for a controller that does not answer, and for a refusal that may be one for now.
        submitted: Whether it may be in the queue already.
        delay: Seconds before the first try.
        clock: Tells the seconds.
    """

    def __init__(
        self,
        transport: Transport,
        wanted: Submission,
        room: Room | None = None,
        patience: float = PATIENCE,
        submitted: bool = False,
        delay: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport, self._wanted, self._room = transport, wanted, room
        self._patience, self._doubtful, self._clock = patience, submitted, clock
        self._kept: Kept | None = None
        self._since, self._next = clock(), clock() + delay
        self.pause = 1.0
        """Seconds until the next try makes sense."""

    def due(self) -> bool:
        """Whether that time has come."""
        return self._clock() >= self._next

    def take(self) -> str | None:
        """Try once. Returns the job's id; None if it has to wait.

        Raises:
            SlurmError: Slurm refuses the job; nothing waits in the queue.
            SlurmUnreachable: The controller has not answered for so long.
        """
        with _submitting:
            if self._room is not None and not self._room.free():
                self._next = self._clock() + 1.0
                self.pause = 1.0
                return None
            done = self._ask()
            if done.status == 0:
                job = done.stdout.strip().split(";")[0]
                if self._room is not None:
                    self._room.poller.track(job)
                return job
        self._wait(done)
        return None

    def _ask(self) -> Done:
        """The answer of sbatch, unless the job is in the queue: an answer may have been lost, and not the job."""
        if self._doubtful:
            try:
                found = look_up(self._transport, self._wanted.name, self._wanted.folder)
            except SlurmUnreachable as error:
                return Done(1, "", f"Unable to contact slurm controller: {error.message}")
            if found:
                return Done(0, found, "")
            self._doubtful = False
        return _sbatch(self._transport, self._wanted.folder)

    def _wait(self, done: Done) -> None:
        kept = kept_by(done.stderr)
        if kept is None:
            raise refusal(done.stderr, self._wanted.asked, self._wanted.settings, self._transport)
        self._doubtful = kept is Kept.SILENT
        now = self._clock()
        if kept is not self._kept:
            logger.warning("%s waits to be submitted: %s", self._wanted.name, done.stderr.strip())
            self._kept, self._since, self.pause = kept, now, 0.5
        if kept is not Kept.FULL and now - self._since >= self._patience:
            if kept is Kept.VAGUE:
                raise refusal(done.stderr, self._wanted.asked, self._wanted.settings, self._transport)
            raise SlurmUnreachable(
                f"Slurm took no job for {self._patience:.0f} s: {done.stderr.strip()}",
                remedy="see whether `scontrol ping` answers, and run the same command again",
            )
        self.pause = min(self.pause * 2, 30.0)
        self._next = now + self.pause


def submit(
    transport: Transport,
    wanted: Submission,
    *,
    room: Room | None = None,
    patience: float = PATIENCE,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Write the job's folder and hand its script to sbatch, one job after the other.

    Returns:
        The job's id.

    Raises:
        SlurmError: Slurm refuses the job; nothing waits in the queue.
        SlurmUnreachable: The controller did not answer for ``patience`` seconds.
    """
    # The script last: who finds it, finds all that the job needs.
    transport.write(wanted.folder, {ENVIRONMENT: environment_file(wanted.environment), SCRIPT: wanted.script})
    try:
        turn = Turn(transport, wanted, room, patience)
        while (job := turn.take()) is None:
            sleep(turn.pause)
        return job
    except BaseException:
        transport.remove(wanted.folder, ENVIRONMENT)
        raise


def _sbatch(transport: Transport, folder: str) -> Done:
    try:
        # The job's output gets the permissions that the submission's umask leaves.
        return transport.run("sh", "-c", 'umask 077 && exec sbatch --parsable "$1"', "submit", f"{folder}/{SCRIPT}")
    except SlurmUnreachable as error:
        return Done(1, "", f"Unable to contact slurm controller: {error.message}")


def look_up(transport: Transport, name: str, folder: str | None = None, ended: bool = False) -> str | None:
    """The id of the user's job of that name (and folder) which has not ended; None if there is none.

    Args:
        transport: Where Slurm's commands are.
        name: The job's.
        folder: Likewise; any unless given.
        ended: Whether one that has ended, and that Slurm remembers, is one too.

    Raises:
        SlurmUnreachable: Slurm does not answer.
    """
    states = ("--states=all",) if ended else ()
    done = transport.run("squeue", "--me", "--noheader", *states, f"--name={name}", "--format=%i|%Z")
    if done.status:
        raise SlurmUnreachable(f"squeue: {last_line(done.stderr)}")
    lines = [line.partition("|") for line in done.stdout.splitlines()]
    return max((job for job, _, where in lines if folder in (None, where)), key=_number, default=None)


def _number(job: str) -> int:
    return int(re.sub(r"\D.*", "", job) or 0)


def find(transport: Transport, name: str, folder: str | None = None) -> str | None:
    """The same; None also if Slurm does not answer."""
    try:
        return look_up(transport, name, folder)
    except SlurmUnreachable:
        return None


def cancel(transport: Transport, jobs: Sequence[str], folders: Sequence[str]) -> None:
    """Cancel jobs with one command; ended ones are no error.

    Raises:
        SlurmError: Slurm refuses, or does not answer.
    """
    for folder in folders:
        transport.write(folder, {CANCELLED: ""})  # before: a job that starts this moment ends by itself
    done = transport.run("scancel", "--quiet", *jobs) if jobs else Done(0, "", "")
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
