"""What a step's folder tells of its job where a driver was lost before it recorded one, or Slurm has lost the job."""

from __future__ import annotations

from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.script import CANCELLED, ENDED, SCRIPT, STARTED
from podium.orchestration.slurm.states import Job
from podium.orchestration.slurm.transport import SlurmError, Transport


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
    return starts[-1].split(" ")[0] if starts else None


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
