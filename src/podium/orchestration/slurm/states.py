"""Slurm's job states, and what they mean to a step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Phase(Enum):
    """What a step that waits for its job needs to know."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


PHASES: Final[dict[str, Phase]] = {
    **dict.fromkeys(
        ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD",
         "POWER_UP_NODE", "LAUNCH_FAILED", "EXPEDITING"),
        Phase.WAITING,
    ),
    **dict.fromkeys(
        ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING", "UPDATE_DB"),
        Phase.RUNNING,
    ),
    "COMPLETED": Phase.SUCCEEDED,
    **dict.fromkeys(
        ("BOOT_FAIL", "CANCELLED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "RECONFIG_FAIL",
         "REVOKED", "TIMEOUT"),
        Phase.FAILED,
    ),
}  # fmt: skip
"""Every state and flag of ``squeue`` and ``sacct`` (22.05 to 25.05). A held job waits: an administrator may release it.
COMPLETING still runs: only the state after it tells whether the job ended or was queued again."""


STUCK: Final = frozenset(
    ("AccountNotAllowed", "BadConstraints", "InvalidAccount", "InvalidQOS", "JobHeldAdmin", "JobHeldUser",
     "PartitionConfig", "PartitionDown", "PartitionInactive", "PartitionNodeLimit", "PartitionTimeLimit",
     "QOSNotAllowed")
)  # fmt: skip
"""Reasons for which a waiting job starts only when somebody changes something; Slurm takes such jobs nevertheless."""


def phase_of(state: str) -> Phase:
    """The phase of a state; one that is not known here, of a newer Slurm, counts as running."""
    return PHASES.get(state, Phase.RUNNING)


@dataclass(frozen=True)
class Job:
    """One job as Slurm describes it."""

    id: str
    state: str
    exit_code: int = 0
    """Of its script; 0 if a signal ended it."""
    signal: int = 0
    reason: str = ""
    nodes: str = ""
    restarts: int = 0

    @property
    def phase(self) -> Phase:
        """What the state means."""
        return phase_of(self.state)


_SQUEUE: Final = (
    ("JobArrayID", 40),
    ("State", 24),
    ("exit_code", 12),
    ("RestartCnt", 8),
    ("NodeList", 60),
    ("Reason", 80),
)
SQUEUE: Final = (
    "squeue", "--noheader", "--array", "--states=all", "--me",
    "--Format=" + ",".join(f"{name}:{width}" for name, width in _SQUEUE),
)  # fmt: skip
"""All jobs of the user, the recently ended ones included, with one question."""


def of_squeue(text: str) -> dict[str, Job]:
    """Parse what ``SQUEUE`` prints: columns of fixed width."""
    jobs = {}
    for line in text.splitlines():
        cells, at = [], 0
        for _, width in _SQUEUE:
            cells.append(line[at : at + width].strip())
            at += width
        if not cells[0]:
            continue
        status = int(cells[2]) if cells[2].isdigit() else 0  # as wait(2) returns it
        reason = "" if cells[5] == "None" else cells[5]
        jobs[cells[0]] = Job(
            cells[0], cells[1], status >> 8, status & 127, reason, cells[4], int(cells[3] or 0)
        )  # fmt: skip
    return jobs


def sacct(jobs: list[str]) -> tuple[str, ...]:
    """The question for jobs that ``squeue`` has forgotten."""
    columns = "--format=JobID,State,ExitCode,NodeList"
    return ("sacct", "--noheader", "--parsable2", "--allocations", columns, f"--jobs={','.join(jobs)}")


def unaccounted(status: int, stderr: str) -> bool:
    """Whether the site has no accounting, as ``sacct`` says, or the shell of a login node that does not find it."""
    return status == 127 or "disabled" in stderr


def of_sacct(text: str) -> dict[str, Job]:
    """Parse what ``sacct`` prints: ``7|CANCELLED by 1000|0:15|n1``."""
    jobs = {}
    for line in text.splitlines():
        name, state, status, nodes = (*line.split("|"), "", "", "")[:4]
        found = re.fullmatch(r"(\d+):(\d+)", status)
        code, number = (int(found[1]), int(found[2])) if found else (0, 0)
        jobs[name] = Job(name, state.split()[0].rstrip("+") if state else "", code, number, "", nodes)
    return jobs
