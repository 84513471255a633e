"""Say in a person's words why Slurm refused a job, and why a job ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Final

from podium.orchestration.slurm.script import Asked
from podium.orchestration.slurm.settings import SlurmSettings
from podium.orchestration.slurm.states import Job
from podium.orchestration.slurm.transport import SlurmError, Transport, last_line

_AGAIN: Final = (
    "Unable to contact slurm controller", "Socket timed out", "Connection refused", "Connection timed out",
    "temporarily unavailable", "Zero Bytes were transmitted", "Slurm temporarily", "slow down",
    "Protocol authentication",
)  # fmt: skip
_FULL: Final = re.compile(r"(Assoc|QOS)\w*SubmitJob\w*Limit|Reached maximum job count")
_POLICY: Final = re.compile(r"^(?:sbatch: )?(?:error: )?((?:Assoc|QOS)\w+)$", re.MULTILINE)
"""The limit that is meant, on a line before the general sentence; Slurm before 20.11 does not name it."""
_VAGUE: Final = "Job violates accounting/QOS policy"
"""Said of each limit of the accounting, those that no waiting helps against included."""
_MEMORY: Final = re.compile(r"exceeded (job )?memory limit|oom[-_ ]kill|Out Of Memory", re.IGNORECASE)
_RAISED: Final = re.compile(r"^[A-Z][\w.]+: \S")
_LIMIT: Final = re.compile(r"DUE TO TIME LIMIT", re.IGNORECASE)


class Kept(Enum):
    """Why a submission may be tried again."""

    SILENT = "the controller restarts, or has too much to do"
    FULL = "the user's place in the queue is used up until some job ends"
    VAGUE = "some limit of the accounting; which, Slurm does not say"


def kept_by(stderr: str) -> Kept | None:
    """Why sbatch took no job, if it may take it later; None where it never will."""
    if _FULL.search(stderr):
        return Kept.FULL
    if any(sign.lower() in stderr.lower() for sign in _AGAIN):
        return Kept.SILENT
    return Kept.VAGUE if _VAGUE in stderr and not _POLICY.search(stderr) else None


def refusal(stderr: str, asked: Asked, settings: SlurmSettings, transport: Transport) -> SlurmError:
    """What sbatch said, with the value that it refused and, where Slurm knows them, the values there are."""
    said = last_line(stderr).removeprefix("sbatch: error: ").removeprefix("Batch job submission failed: ")
    low = stderr.lower()
    if "invalid partition" in low:
        names = _values(transport, "sinfo", "--noheader", "--format=%R")
        return SlurmError(
            f"there is no partition {settings.partition!r} on this cluster",
            remedy=f"set the step operator's partition to one of: {', '.join(names) or 'what sinfo shows'}",
        )
    if "account" in low and "invalid" in low:
        return SlurmError(
            f"Slurm refuses the account {settings.account or 'default'!r} in partition"
            f" {settings.partition or 'default'!r}: {said}",
            remedy="sacctmgr show associations user=$USER lists yours",
        )
    if "qos" in low and "invalid" in low:
        return SlurmError(
            f"Slurm refuses the quality of service {settings.qos!r}: {said}",
            remedy="sacctmgr show associations user=$USER format=account,qos lists yours",
        )
    if "feature" in low:
        names = _values(transport, "sinfo", "--noheader", "--format=%f")
        return SlurmError(
            f"no node has the features of constraint {settings.constraint!r}",
            remedy=f"nodes have: {', '.join(names) or 'no features'}",
        )
    if "configuration is not available" in low or "memory specification" in low or "more processors" in low:
        nodes = _values(transport, "sinfo", "--noheader", "--format=%R: %c CPUs, %m MB, %G")
        return SlurmError(
            f"no node of partition {settings.partition or 'default'!r} has what the step asks for ({_wish(asked)})",
            remedy="ask for less; there are: " + "; ".join(nodes),
        )
    told, remedy = f"Slurm refuses the job: {said}", "look at the step operator's settings"
    if _VAGUE in stderr:
        limit = _POLICY.search(stderr)
        told = f"a limit of this cluster's accounting forbids the job: {limit[1] if limit else said}"
        remedy = "ask for less, or take another qos; `sacctmgr show qos` and `sacctmgr show associations` list limits"
    return SlurmError(told, remedy=remedy)


def _values(transport: Transport, *command: str) -> list[str]:
    """What Slurm lists; nothing if it does not answer, since the refusal is to be told anyway."""
    try:
        lines = transport.run(*command).stdout.splitlines()
    except SlurmError:
        return []
    return sorted({line.strip() for line in lines if line.strip() not in ("", "(null)")})


def _wish(asked: Asked) -> str:
    parts = [f"{asked.gpus} GPUs" if asked.gpus else "", f"{asked.cpus} CPUs" if asked.cpus else ""]
    return ", ".join(part for part in (*parts, asked.memory or "") if part) or "nothing in particular"


def cause(job: Job, asked: Asked, settings: SlurmSettings, output: Sequence[str]) -> SlurmError:
    """Why a job ended without a result.

    Args:
        job: In its last state.
        asked: What it had.
        settings: Likewise.
        output: The last lines of its output file.
    """
    where = f"job {job.id}" + (f" on {job.nodes}" if job.nodes else "")
    text = "\n".join(output)
    if job.state == "OUT_OF_MEMORY" or (job.state in ("FAILED", "CANCELLED") and _MEMORY.search(text)):
        limit = asked.memory or "the partition's default"
        return SlurmError(f"{where} needed more memory than it had ({limit})", remedy="raise settings.resources.memory")
    if job.state == "TIMEOUT" or (job.state == "CANCELLED" and _LIMIT.search(text)):
        limit = settings.time_limit or "the partition's"
        return SlurmError(
            f"{where} reached its time limit ({limit})", remedy="raise time_limit, or take a longer partition"
        )
    said = {
        "CANCELLED": "was cancelled in Slurm (scancel)",
        "NODE_FAIL": "was lost with its node, and is not started again",
        "PREEMPTED": "had to make place for another job, and is not started again",
        "BOOT_FAIL": "found no node that starts",
        "DEADLINE": "could not end before its deadline",
        "REVOKED": "was taken over by another cluster",
    }.get(job.state)
    if said:
        return SlurmError(f"{where} {said}", remedy="run the same command again: trainings go on where they were")
    ending = f"was ended by signal {job.signal}" if job.signal else f"ended with status {job.exit_code}"
    last = _last_words([line.strip() for line in output if line.strip()])
    return SlurmError(f"{where} {ending}" + (f": {last}" if last else ", without a word"))


def _last_words(lines: Sequence[str]) -> str:
    """The error with which a program ended, also if it goes on in further lines; else its last line."""
    raised = [number for number, line in enumerate(lines) if _RAISED.match(line)]
    return " ".join(lines[raised[-1] : raised[-1] + 4] if raised else lines[-1:])
