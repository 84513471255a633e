"""Make, change and delete schedules: what ZenML's schedule commands become on a cluster."""

from __future__ import annotations

import json
import logging
import shlex
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.plan import PLAN, VARIABLES, Plan, Way, read_plan, write_plan
from podium.orchestration.slurm.script import Asked, directives
from podium.orchestration.slurm.settings import SlurmOrchestratorConfig, zone
from podium.orchestration.slurm.surroundings import CODE
from podium.orchestration.slurm.tick import queue_next
from podium.orchestration.slurm.transport import SlurmError, Transport, last_line

logger = logging.getLogger(__name__)

SCRIPT: Final = "tick.sh"
LOG: Final = "tick.log"
_HAVE_SCRONTAB: Final = "command -v scrontab && scontrol show config"
_ZONE: Final = """if [ -n "$TZ" ]; then echo "$TZ"
elif [ -L /etc/localtime ]; then readlink -f /etc/localtime
elif [ -e /etc/timezone ]; then cat /etc/timezone
elif [ ! -e /etc/localtime ]; then echo UTC; fi"""
_NOT_IN_SCRONTAB: Final = ("--chdir", "--output", "--open-mode", "--requeue", "--signal", "--comment")
"""Refused there, or with values that may hold blanks, which its lines cannot."""


def planned(transport: Transport, config: SlurmOrchestratorConfig, **values: Any) -> Plan:
    """The plan of a new schedule: what fires it here, and in which time zone its cron expression counts.

    Args:
        transport: Where Slurm's commands are.
        config: Of the orchestrator.
        **values: The fields of the plan that follow from the schedule.

    Raises:
        SlurmError: The expression is none, the zone cannot be told, or scrontab is asked for and cannot do it.
    """
    plain = values["cron"] is not None and not (values["start"] or values["end"] or values["catchup"])
    way: Way = "job"
    if config.schedules == "scrontab" or (config.schedules == "auto" and plain and config.time_zone is None):
        way = "scrontab" if has_scrontab(transport) else "job"
    if config.schedules == "scrontab" and (way == "job" or not plain):
        reason = "there is no scrontab here" if plain else "scrontab takes a cron expression alone"
        raise SlurmError(f"schedule {values['name']}: {reason}", remedy="set the orchestrator's schedules to auto")
    try:
        return Plan(way=way, zone=config.time_zone or zone_of(transport), **values)
    except ValueError as error:
        raise refused(values["name"], error) from None


def begin(transport: Transport, plan: Plan, variables: dict[str, str]) -> None:
    """Store a new schedule, and have it fire.

    Raises:
        SlurmError: Slurm refuses its jobs, or it would never fire.
    """
    later = {name: value for name, value in variables.items() if name != CODE}  # the code is that of then
    transport.write(plan.folder, {VARIABLES: json.dumps(later)})
    try:
        replace(transport, plan)
    except SlurmError:
        forget(transport, plan)
        raise


def replace(transport: Transport, plan: Plan) -> None:
    """Store a plan and have Slurm follow it instead of its earlier revisions; a paused one does not fire.

    Raises:
        SlurmError: Slurm refuses its jobs, or it would never fire.
    """
    now = datetime.now(UTC)
    due = plan.due_after(now)
    if plan.active and due is None:
        raise SlurmError(f"schedule {plan.name} would never fire", remedy="give it a time that is to come")
    if plan.way == "scrontab":
        _edit(transport, plan, _entry(plan) if plan.active else "")
    write_plan(transport, plan)
    if plan.way == "job" and plan.active:
        queue_next(transport, plan, now, now)
    _cancel_ticks(transport, plan)
    if plan.active and due is not None:
        local = due.astimezone(zone(plan.zone))
        logger.info("schedule %s (%s): due next at %s %s", plan.name, plan.way, local.isoformat(), plan.zone)
    else:
        logger.info("schedule %s: paused", plan.name)


def change(transport: Transport, folder: str, cron: str | None, active: bool | None) -> None:
    """Change a schedule's expression, or pause it, or have it go on; what is None stays.

    Raises:
        SlurmError: There is no such schedule, or as ``replace``.
    """
    plan = read_plan(transport, folder)
    if plan is None:
        raise SlurmError(f"{folder}: no schedule is there any more", remedy="delete it in ZenML, and make it anew")
    if cron is not None and plan.cron is None:
        raise SlurmError(f"schedule {plan.name} has no cron expression", remedy="delete it, and make it anew with one")
    wanted = {"cron": cron or plan.cron, "active": plan.active if active is None else active}
    try:
        number = max(plan.revision, plan.given) + 1
        changed = Plan.model_validate({**plan.model_dump(), **wanted, "revision": number, "given": number})
    except ValueError as error:
        raise refused(plan.name, error) from None
    try:
        replace(transport, changed)
    except SlurmError:
        write_plan(transport, plan.model_copy(update={"given": number}))  # whose tick still waits
        if plan.way == "scrontab":
            _edit(transport, plan, _entry(plan) if plan.active else "")
        raise


def end(transport: Transport, folder: str) -> None:
    """Have a schedule fire no more; runs that it started go on. One that is gone is no error. Raises SlurmError."""
    plan = read_plan(transport, folder)
    if plan is not None:
        forget(transport, plan.model_copy(update={"active": False, "revision": plan.revision + 1}))


def forget(transport: Transport, plan: Plan) -> None:
    """Take a schedule's traces away, but for the folders of its runs. Raises SlurmError."""
    transport.remove(plan.folder, PLAN, VARIABLES, SCRIPT)
    if plan.way == "scrontab":
        _edit(transport, plan, "")
    _cancel_ticks(transport, plan)


def has_scrontab(transport: Transport) -> bool:
    """Whether the site has scrontab, client and controller. Raises SlurmUnreachable."""
    settings = transport.run("sh", "-c", _HAVE_SCRONTAB).stdout.splitlines()
    return any(line.split("=")[0].strip() == "ScronParameters" and "enable" in line for line in settings)


def zone_of(transport: Transport) -> str:
    """The time zone of the machine where sbatch is called. Raises SlurmError if that cannot be told."""
    found = transport.run("sh", "-c", _ZONE).stdout.strip()
    name = found.rpartition("zoneinfo/")[2].lstrip(":")
    try:
        zone(name)
    except ValueError:
        raise SlurmError(
            f"the time zone of {transport.place} cannot be told ({found or 'no name'})",
            remedy="set the orchestrator's time_zone, such as Europe/Berlin",
        ) from None
    return name


def refused(name: str, error: ValueError) -> SlurmError:
    """A schedule with values that cannot be."""
    reason = str(error).splitlines()
    text = next((line.partition("Value error, ")[2] for line in reason if "Value error, " in line), "")
    return SlurmError(f"schedule {name}: {(text or last_line(str(error))).partition(' [type=')[0]}")


def _cancel_ticks(transport: Transport, plan: Plan) -> None:
    """Cancel what earlier revisions have queued; one that runs sees for itself that it is outdated."""
    done = transport.run("squeue", "--me", "--noheader", "--states=PENDING", "--format=%i|%Z|%j")
    if done.status:
        raise SlurmError(f"squeue: {last_line(done.stderr)}", remedy="run the same command again")
    lines = [line.split("|", 2) for line in done.stdout.splitlines()]
    current = f".{plan.revision}"
    old = [
        (job, folder)
        for job, folder, name in lines
        if folder.startswith(f"{plan.folder}/ticks/") and not (plan.active and name.endswith(current))
    ]
    if old:
        jobs.cancel(transport, [job for job, _ in old], [folder for _, folder in old])


def _entry(plan: Plan) -> str:
    """The lines of a crontab."""
    given = directives(plan.job_name, "", plan.folder, Asked(None, 1, plan.settings.memory), plan.settings)
    options = [option for option in given if option.partition("=")[0] not in _NOT_IN_SCRONTAB]
    options += [f"--comment=ZenML_schedule_{plan.schedule}", "--output=/dev/null"]
    lines = [*(f"#SCRON {option}" for option in options), f"{plan.cron} {shlex.quote(f'{plan.folder}/{SCRIPT}')}"]
    return "".join(f"{line}\n" for line in lines)


def tick_script(plan: Plan) -> str:
    """What scrontab starts."""
    command = shlex.join([plan.python, "-m", "podium.orchestration.slurm.tick", plan.folder])
    return f"""#!/bin/bash
umask 077
cd {shlex.quote(plan.folder)} 2>/dev/null || exit 0  # deleted
exec >> {LOG} 2>&1
export PYTHONPATH={shlex.quote(plan.paths)}
exec {command}
"""


def marks(schedule: UUID) -> tuple[str, str]:
    """The first and the last line of a schedule's part of a crontab."""
    return f"# Podium: ZenML schedule {schedule}", f"# Podium: end of {schedule}"


def edited(crontab: str, schedule: UUID, entry: str) -> str:
    """A crontab with another entry for a schedule; its other lines stay as they are."""
    first, last = marks(schedule)
    kept, ours = [], False
    for line in crontab.splitlines():
        ours = ours or line == first
        if not ours:
            kept.append(line)
        ours = ours and line != last
    lines = [*kept, first, *entry.splitlines(), last] if entry else kept
    return "".join(f"{line}\n" for line in lines)


def _edit(transport: Transport, plan: Plan, entry: str) -> None:
    listed = transport.run("scrontab", "-l")
    if listed.status and "no crontab" not in listed.stdout + listed.stderr:
        raise SlurmError(f"scrontab: {last_line(listed.stderr)}", remedy="run the same command again")
    before = "" if listed.status else listed.stdout
    after = edited(before, plan.schedule, entry)
    if after == before:
        return
    if entry:
        transport.write(plan.folder, {SCRIPT: tick_script(plan)})
        transport.run("chmod", "700", f"{plan.folder}/{SCRIPT}")
    done = transport.run("scrontab", "-", stdin=after) if after.strip() else transport.run("scrontab", "-r")
    if done.status:
        raise SlurmError(f"scrontab refuses schedule {plan.name}: {last_line(done.stderr)}")
