"""A schedule is due: start its driver, and see to the next time. Slurm may run this twice; it acts once.

``python -m podium.orchestration.slurm.tick FOLDER [DUE REVISION]``, as the user, on a node.
"""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from zenml.config import ResourceSettings

from podium.errors import REQUEUE, PodiumError
from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.look import nothing_to_do
from podium.orchestration.slurm.plan import RUNS, VARIABLES, Plan, of_stamp, read_plan, stamp
from podium.orchestration.slurm.script import ENDED, STARTED, Asked, asked_for, render
from podium.orchestration.slurm.settings import SlurmSettings
from podium.orchestration.slurm.transport import Transport

logger = logging.getLogger(__name__)

RUN: Final = "PODIUM_SLURM_RUN"
"""In the driver's environment: the id of its run, or the schedule and when it was due."""
PATIENCE: Final = 7 * 24 * 3600.0
"""Seconds for which a tick waits for a controller that does not answer: a run, or all that follow, would be lost."""
RESTARTS: Final = 10_000
"""Of a tick that waits for the controller longer than its time limit; each is asked to end first, and begins anew."""
SAVED: Final = 10.0
"""Seconds after which the controller has the next tick on disk: one that is killed before forgets it."""
KEPT: Final = 100
"""Folders of ticks and of runs that are left; each has a few small files."""
_PRUNE: Final = """for folder in "$1/ticks" "$1/runs"; do
  cd -- "$folder" 2>/dev/null || continue
  ls | sort | head -n "-$2" | while read -r name; do [ -e "$name/ended" ] && rm -rf -- "$name"; done
done"""
_MODULE: Final = "podium.orchestration.slurm.tick"


def tick(
    transport: Transport,
    folder: str,
    due: datetime | None = None,
    revision: int | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> bool:
    """Act on a schedule that is due.

    The next tick is queued first, so that whatever becomes of this one, the schedule goes on.

    Args:
        transport: Where Slurm's commands are.
        folder: Of the schedule.
        due: Since when; the last time of its cron expression unless given.
        revision: Of the plan that queued this; any unless given.
        clock: Tells the time.

    Returns:
        Whether there is a driver for it; nobody else looks whether Slurm keeps the next tick.

    Raises:
        SlurmError: Slurm refuses a job, or the plan cannot be read.
    """
    plan = read_plan(transport, folder)
    if plan is None or not plan.active or revision not in (None, plan.revision):
        logger.info("%s: deleted, paused or changed since this was queued: nothing is done", folder)
        return True
    now = clock()
    due = due or plan.due_at(now)
    if plan.way == "job":
        queue_next(transport, plan, due if plan.catchup else max(due, now), now)
    started = start_driver(transport, plan, due)
    prune(transport, plan.folder)
    return started or plan.way != "job"


def prune(transport: Transport, folder: str) -> None:
    """Remove the folders of old jobs that have ended; their names are times, and tell the order."""
    transport.run("sh", "-c", _PRUNE, "prune", folder, str(KEPT))


def queue_next(
    transport: Transport, plan: Plan, after: datetime, now: datetime, patience: float = PATIENCE
) -> datetime | None:
    """Queue the tick of the next time after a moment, unless it is queued; returns that time. Raises SlurmError."""
    due = plan.due_after(after)
    if due is None:
        return None
    name = plan.tick_name(due)
    if jobs.find(transport, name):
        return due
    folder = f"{plan.folder}/ticks/{stamp(due)}.{plan.revision}"
    asked = Asked(None, 1, plan.settings.memory)
    wait = math.ceil(max(0.0, (due - now).total_seconds()))  # no time of day: its zone would be that of sbatch
    settings = _with(plan.settings, f"--begin=now+{wait}").model_copy(update={"max_restarts": RESTARTS})
    script = render(
        name=name,
        comment=f"ZenML schedule {plan.name}, user {plan.user}",
        folder=folder,
        command=[plan.python, "-m", _MODULE, plan.folder, stamp(due), str(plan.revision)],
        asked=asked,
        settings=settings,
    )
    wanted = jobs.Submission(name, folder, script, {"PYTHONPATH": plan.paths}, asked, settings)
    job = jobs.submit(transport, wanted, patience=patience)
    logger.info("%s is due next at %s: job %s", plan.name, due.isoformat(), job)
    latest = read_plan(transport, plan.folder)
    if latest is None or latest.revision != plan.revision:  # changed meanwhile, by somebody who could not see the job
        jobs.cancel(transport, [job], [folder])
    return due


def start_driver(transport: Transport, plan: Plan, due: datetime) -> bool:
    """Submit the driver of the run that is due, once. It waits for the one before it.

    While one waits that has not begun, it serves for this time as well, unless the schedule is to catch up. Where the
    pipeline's own look finds nothing to do, none is submitted. Returns whether there is one.

    Raises:
        SlurmError: Slurm refuses it.
    """
    folder = f"{plan.folder}/{RUNS}/{stamp(due)}"
    if transport.read(folder, STARTED, ENDED) or jobs.find(transport, plan.driver_name, folder):
        logger.info("%s: the run of %s was started before", plan.name, due.isoformat())
        return True
    if not plan.catchup and (waiting := _waiting(transport, plan)):
        logger.info("%s: job %s has not begun yet, and serves for %s as well", plan.name, waiting, due.isoformat())
        return True
    variables = json.loads(transport.read(plan.folder, VARIABLES)[VARIABLES])
    # One that runs, or is held back until its restart, leaves this time's news to a driver that waits for it.
    if not jobs.find(transport, plan.driver_name) and nothing_to_do(plan, variables):
        logger.info("%s: nothing is to be done at %s, and no driver is started", plan.name, due.isoformat())
        return False
    own = dict.fromkeys(("ZENML_CONFIG_PATH", "ZENML_REPOSITORY_PATH"), f"{folder}/zenml")
    settings = _with(plan.settings, "--dependency=singleton")
    asked = asked_for(ResourceSettings(), settings)
    script = render(
        name=plan.driver_name,
        comment=f"ZenML schedule {plan.name}, due {due.isoformat()}, user {plan.user}",
        folder=folder,
        command=plan.command,
        asked=asked,
        settings=settings,
    )
    environment = {**variables, **own, RUN: f"{plan.schedule}.{stamp(due)}"}
    wanted = jobs.Submission(plan.driver_name, folder, script, environment, asked, settings)
    job = jobs.submit(transport, wanted, patience=PATIENCE)
    logger.info("%s: the run of %s is job %s", plan.name, due.isoformat(), job)
    return True


def _waiting(transport: Transport, plan: Plan) -> str | None:
    """A driver that waits and has never begun: what it will look at is as new as can be."""
    done = transport.run(
        "squeue", "--me", "--noheader", f"--name={plan.driver_name}", "--states=PENDING", "--format=%i|%Z"
    )
    for line in done.stdout.splitlines() if done.status == 0 else ():
        job, _, folder = line.partition("|")
        if not transport.read(folder, STARTED):
            return job
    return None


def _with(settings: SlurmSettings, flag: str) -> SlurmSettings:
    return settings.model_copy(update={"flags": (*settings.flags, flag)})


def main(folder: str, due: str | None = None, revision: str | None = None) -> int:
    """Tick as a program. Returns the exit status."""
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(REQUEUE))  # the script has Slurm start it again
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    from podium.orchestration.slurm.health import keep_firing

    try:
        when = of_stamp(due) if due else None
        if not tick(Transport(), folder, when, int(revision) if revision else None) and when is not None:
            time.sleep(SAVED)
            keep_firing(Transport(), folder, when, but=stamp(when))
    except PodiumError as error:
        logger.error("%s", error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
