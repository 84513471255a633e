"""A schedule as its jobs know it: when it is due, and what is started then. It is a file in the schedule's folder."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Self
from uuid import UUID

from croniter import croniter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from podium.orchestration.slurm.settings import SlurmSettings, zone
from podium.orchestration.slurm.transport import SlurmError, Transport

PLAN: Final = "plan.json"
VARIABLES: Final = "variables.json"
"""What the driver gets, credentials among them: readable by the user alone, and there as long as the schedule."""
RUNS: Final = "runs"
"""The folder of the drivers' folders."""
BEHIND: Final = 30
"""Seconds; cron's own unit is a minute."""
Way = Literal["scrontab", "job"]


class Plan(BaseModel):
    """What a tick reads. All times are in UTC; ``cron`` counts in ``zone``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schedule: UUID
    name: str
    """The schedule's name."""
    pipeline: str
    user: str
    folder: str
    """The schedule's folder, which all nodes see."""
    way: Way
    revision: int = 0
    """Higher with each change: jobs of an earlier one do nothing."""
    given: int = 0
    """The highest number that a change has had, also one that Slurm refused: what it queued must not count later."""
    active: bool = True
    cron: str | None = None
    zone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    once: datetime | None = None
    interval: float | None = None
    """Seconds from start to start, counted from ``start``."""
    catchup: bool = False
    """Whether what was missed is made up for one by one; otherwise one run stands for all of it."""
    python: str
    """The interpreter on the nodes."""
    paths: str
    """``PYTHONPATH`` there."""
    command: tuple[str, ...]
    """The driver's."""
    look: tuple[str, ...] = ()
    """A command that finds out whether there is anything to do; without one, a driver is started each time."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """The pipeline's, for the look."""
    settings: SlurmSettings

    @field_validator("start", "end", "once")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        """ZenML gives times without a zone, and means UTC."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @model_validator(mode="after")
    def _plausible(self) -> Self:
        # croniter reads a sixth field as seconds, which no cron knows.
        if self.cron is not None and not (
            croniter.is_valid(self.cron) and (len(self.cron.split()) == 5 or self.cron.startswith("@"))
        ):
            raise ValueError(f"{self.cron!r} is no cron expression of five fields")
        return self

    @property
    def job_name(self) -> str:
        """What the names of all its jobs begin with."""
        return f"{'_'.join(self.pipeline.split())}.schedule.{str(self.schedule)[:8]}"

    @property
    def driver_name(self) -> str:
        """Of all its drivers: Slurm starts one of them at a time (``singleton``)."""
        return f"{self.job_name}.run"

    def tick_name(self, due: datetime) -> str:
        """Of the job that fires then; no two have one name."""
        return f"{self.job_name}.{stamp(due)}.{self.revision}"

    def due_after(self, moment: datetime) -> datetime | None:
        """When it is due next, strictly after a moment; None if never again."""
        if self.cron is not None:
            begin = moment if self.start is None else max(moment, self.start - timedelta(seconds=1))
            found = _next(self.cron, begin, self.zone)
        elif self.start is not None and self.interval:
            since = (moment - self.start).total_seconds()
            found = self.start + timedelta(seconds=max(0, math.floor(since / self.interval) + 1) * self.interval)
        elif self.once is not None and self.once > moment:
            found = self.once
        else:
            return None
        return None if self.end is not None and found > self.end else found

    def due_at(self, moment: datetime) -> datetime:
        """When a cron expression was due last, up to a moment, or half a minute later: the clock of the node may be
        behind the controller's, which has fired.
        """
        assert self.cron is not None  # the others have jobs of their own, which know when they are due
        return _last(self.cron, moment + timedelta(seconds=BEHIND), self.zone)


def _next(cron: str, moment: datetime, place: str) -> datetime:
    """The next time of an expression.

    Where clocks are put back, a time of day comes twice, and croniter gives it twice: that is right for what recurs
    each hour, and wrong for what is due at an hour.
    """
    times = croniter(cron, moment.astimezone(zone(place)))
    while True:
        found: datetime = times.get_next(datetime)
        if _hourly(cron) or not found.fold:
            return _utc(found)


def _last(cron: str, moment: datetime, place: str) -> datetime:
    """The last time of an expression before a moment. Backwards, croniter calls every time the second of two, so that
    it is looked for from an hour later on, and by its time of day alone.
    """
    times = croniter(cron, (moment + timedelta(hours=1)).astimezone(zone(place)))
    while True:
        found: datetime = times.get_prev(datetime)
        for fold in (1, 0) if _hourly(cron) else (0,):
            if (last := _utc(found.replace(fold=fold))) < moment:
                return last


def _hourly(cron: str) -> bool:
    return cron == "@hourly" or cron.split()[1:2] == ["*"]


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def stamp(due: datetime) -> str:
    """A moment as a name."""
    return f"{due.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def of_stamp(text: str) -> datetime:
    """Raises ValueError."""
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def read_plan(transport: Transport, folder: str) -> Plan | None:
    """The plan in a folder; None once the schedule is deleted. Raises SlurmError."""
    text = transport.read(folder, PLAN).get(PLAN)
    if text is None:
        return None
    try:
        return Plan.model_validate_json(text)
    except ValidationError as error:
        raise SlurmError(
            f"{folder}/{PLAN}: is not what Podium wrote: {error.errors()[0]['msg']}",
            remedy="delete the schedule, and make it anew",
        ) from None


def write_plan(transport: Transport, plan: Plan) -> None:
    """Replace the plan atomically. Raises SlurmError."""
    transport.write(plan.folder, {PLAN: plan.model_dump_json(indent=2, exclude_none=True)})
