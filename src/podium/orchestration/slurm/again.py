"""Jobs that go into the queue once more, from their folders: Slurm has lost them, or took them away for good."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from podium.errors import REQUEUE
from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.script import CANCELLED, ENDED, SCRIPT, STARTED
from podium.orchestration.slurm.settings import SlurmSettings
from podium.orchestration.slurm.states import Job
from podium.orchestration.slurm.transport import SlurmError, Transport

logger = logging.getLogger(__name__)

GATHER: Final = 5.0
"""Seconds in which a new driver sees all jobs of its run, and knows how many there are, before it submits one again."""
AGAIN: Final = "again"
"""A line for each time that a job was submitted again: its id, its state, and the id of the next. One whose node does
not boot leaves no start to be counted."""
TAKEN: Final = {
    "PREEMPTED": "had to make place for another job",
    "NODE_FAIL": "was lost with its node",
    "BOOT_FAIL": "found no node that starts",
}
"""States of jobs that ended through no fault of theirs. Slurm itself starts them again where the site lets it."""
_SAVED: Final = "saved its state, and Slurm refused to queue it again"
_turns: Final[dict[str, jobs.Turn]] = {}
"""Folders of jobs that are to be submitted again."""
_lock: Final = threading.Lock()


def taken(job: Job) -> str | None:
    """What became of a job that Slurm ended though it might have gone on; None of another one."""
    if job.state == "FAILED" and job.exit_code == REQUEUE:
        return _SAVED
    return TAKEN.get(job.state)


def may_start_again(transport: Transport, job: Job, folder: str, settings: SlurmSettings) -> bool:
    """Whether a job that was taken away may be submitted again: nobody cancelled it, and it was not so too often.

    Args:
        transport: Where Slurm's commands are.
        job: As it ended.
        folder: Of the job.
        settings: Say how often.

    Raises:
        SlurmError: The folder cannot be read.
    """
    if taken(job) is None:
        return False
    records = transport.read(folder, STARTED, AGAIN, CANCELLED, ENDED, SCRIPT)
    if SCRIPT not in records or CANCELLED in records or ENDED in records:
        return False
    starts, submissions = (len(records.get(name, "").splitlines()) for name in (STARTED, AGAIN))
    if starts <= settings.max_restarts and submissions < settings.max_restarts:
        return True
    told = "job %s %s; it was started %d times and is not started any more (max_restarts is %d)"
    logger.warning(told, job.id, taken(job), starts, settings.max_restarts)
    return False


def under_way(folder: str) -> bool:
    """Whether a job has begun its way into the queue again."""
    with _lock:
        return folder in _turns


def submit_again(
    transport: Transport, name: str, folder: str, lost: Job | None, made: Callable[[], jobs.Turn]
) -> str | None:
    """Try once, without waiting; this is called at every look. Returns the new job's id; None if it has to wait.

    Args:
        transport: Where Slurm's commands are.
        name: What the job is to a person.
        folder: Of the job.
        lost: What there was; None if there was none.
        made: Makes its turn, when the first try is made; it waits ``GATHER`` seconds.

    Raises:
        SlurmError: Slurm refuses it.
    """
    with _lock:
        turn = _turns.get(folder) or _turns.setdefault(folder, made())
    try:
        job = turn.take() if turn.due() else None
    except SlurmError:
        _turns.pop(folder)
        raise
    if job is None:
        return None
    _turns.pop(folder)
    if lost is None or (why := taken(lost)) is None:
        told = f"Slurm has lost job {lost.id}" if lost else "a driver was lost before the submission"
        logger.warning("%s of %s before it began; it is job %s now", told, name, job)
    elif job != lost.id:  # else it was queued again by Slurm meanwhile
        logger.warning("job %s of %s %s, and was not to start again; it is job %s now", lost.id, name, why, job)
        before = transport.read(folder, AGAIN).get(AGAIN, "")
        transport.write(folder, {AGAIN: f"{before}{lost.id} {lost.state} {job}\n"})
    return job
