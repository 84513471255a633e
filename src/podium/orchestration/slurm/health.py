"""Whether Slurm answers, and whether schedules go on firing: a lost tick would end one without a word."""

from __future__ import annotations

from datetime import UTC, datetime

from podium.orchestration.slurm.plan import Plan, read_plan
from podium.orchestration.slurm.schedules import marks
from podium.orchestration.slurm.tick import queue_next
from podium.orchestration.slurm.transport import SlurmError, SlurmUnreachable, Transport, last_line

PATIENCE = 600.0
"""Seconds for which a driver tries to queue a tick that is missing."""


def check(transport: Transport) -> None:
    """Ask Slurm something. Raises SlurmError if it does not answer."""
    done = transport.run("sinfo", "--noheader", "--format=%R")
    if done.status:
        raise SlurmUnreachable(
            f"Slurm does not answer on {transport.place}: {last_line(done.stderr)}", remedy="try: scontrol ping"
        )


def check_schedule(transport: Transport, folder: str, name: str, now: datetime | None = None) -> None:
    """See whether something will start a schedule's next run.

    Args:
        transport: Where Slurm's commands are.
        folder: Of the schedule, which ZenML takes for active.
        name: The schedule's.
        now: The time.

    Raises:
        SlurmError: Nothing will, or Slurm does not answer.
    """
    again = f"zenml pipeline schedule deactivate {name}, and then activate it"
    plan = read_plan(transport, folder)
    if plan is None:
        raise SlurmError(
            f"schedule {name} is active in ZenML, but {folder} on {transport.place} has no plan of it",
            remedy="run this where the cluster's file system is seen; or delete it, and make it anew",
        )
    if not plan.active:
        raise SlurmError(f"schedule {name} is active in ZenML, but paused in {folder}", remedy=again)
    if plan.due_after(now or datetime.now(UTC)) is not None and not fires(transport, plan):
        missing = "scrontab has no entry for it" if plan.way == "scrontab" else "no job waits to start its next run"
        raise SlurmError(f"schedule {name} does not fire any more: {missing}", remedy=again)


def fires(transport: Transport, plan: Plan, but: str | None = None) -> bool:
    """Whether a tick waits or runs, other than that of a time, or scrontab has its line. Raises SlurmUnreachable."""
    if plan.way == "scrontab":
        return marks(plan.schedule)[0] in transport.run("scrontab", "-l").stdout.splitlines()
    done = transport.run("squeue", "--me", "--noheader", "--format=%Z|%j")
    if done.status:
        raise SlurmUnreachable(f"squeue: {last_line(done.stderr)}")
    lines = [line.split("|", 1) for line in done.stdout.splitlines()]
    ticks = [name for where, name in lines if where.startswith(f"{plan.folder}/ticks/")]
    mine = f".{but}.{plan.revision}"
    return any(name.endswith(f".{plan.revision}") and not name.endswith(mine) for name in ticks)


def keep_firing(
    transport: Transport, folder: str, due: datetime, now: datetime | None = None, but: str | None = None
) -> None:
    """Queue the next tick of a schedule if a killed controller has lost it.

    Each of its drivers calls this, and each tick that starts none.

    Args:
        transport: Where Slurm's commands are.
        folder: Of the schedule.
        due: When the driver was due.
        now: The time.
        but: The time that the calling tick itself stands for.

    Raises:
        SlurmError: Slurm refuses the tick, or does not answer.
    """
    plan, now = read_plan(transport, folder), now or datetime.now(UTC)
    if plan is not None and plan.active and plan.way == "job" and not fires(transport, plan, but):
        queue_next(transport, plan, due if plan.catchup else now, now, patience=PATIENCE)
