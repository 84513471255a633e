"""What a step's folder tells of its job where a driver was lost before it recorded one, or Slurm has lost the job."""

from __future__ import annotations

from typing import Final

from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.script import CANCELLED, ENDED, SCRIPT, STARTED
from podium.orchestration.slurm.states import Job, unaccounted
from podium.orchestration.slurm.transport import SlurmError, SlurmUnreachable, Transport, last_line

_ENDED: Final = (
    "--starttime=now-30days", "--endtime=now",
    "--state=CANCELLED,COMPLETED,FAILED,TIMEOUT,NODE_FAIL,PREEMPTED,BOOT_FAIL,DEADLINE,OUT_OF_MEMORY,REVOKED",
)  # fmt: skip
"""Without states, sacct leaves out what was never free to start: held jobs, and those that have a time to begin."""


def unrecorded(transport: Transport, name: str, folder: str) -> str | None:
    """The job of a step whose driver died before it recorded one; None if there never was one, as far as can be told.

    Args:
        transport: Where Slurm's commands are.
        name: Of the job.
        folder: Likewise.

    Raises:
        SlurmUnreachable: Slurm does not answer.
    """
    if job := jobs.look_up(transport, name, folder, ended=True):
        return job
    starts = transport.read(folder, STARTED).get(STARTED, "").splitlines()
    return starts[-1].split(" ")[0] if starts else _accounted(transport, name, folder)


def _accounted(transport: Transport, name: str, folder: str) -> str | None:
    """The job as the accounting has it, where the site has one: Slurm itself forgets a job that was cancelled while it
    waited within minutes, and it left nothing in its folder.
    """
    columns = "--format=JobIDRaw,WorkDir"
    try:
        done = transport.run("sacct", "--noheader", "--parsable2", "--allocations", columns, f"--name={name}", *_ENDED)
    except SlurmUnreachable:
        raise
    except SlurmError:  # no such program
        return None
    if done.status and not unaccounted(done.status, done.stderr):
        raise SlurmUnreachable(f"sacct: {last_line(done.stderr)}")
    lines = [line.partition("|") for line in done.stdout.splitlines()] if not done.status else []
    return max((job for job, _, where in lines if where == folder), key=int, default=None)


def outcome(transport: Transport, job: str, folder: str) -> Job | None:
    """What became of a job that Slurm does not know any more; None if it never began."""
    records = transport.read(folder, STARTED, ENDED)
    if status := records.get(ENDED, "").strip():
        return Job(job, "COMPLETED" if status == "0" else "FAILED", int(status))
    return Job(job, "NODE_FAIL") if STARTED in records else None


def hindrance(transport: Transport, folder: str) -> SlurmError | None:
    """Why a step without a job cannot be submitted with what lies in its folder; None if it can."""
    records = transport.read(folder, SCRIPT, CANCELLED, ENDED)
    if CANCELLED in records or ENDED in records:
        return SlurmError("was cancelled before its job began", remedy="run the same command again")
    if SCRIPT not in records:
        return SlurmError(
            "the driver was lost before it submitted the step",
            remedy="run the same command again: finished steps come from the cache",
        )
    return None
