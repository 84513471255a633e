"""The states of all jobs with one question to Slurm a second, however many ask for however many jobs."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Final

from podium.orchestration.slurm.states import SQUEUE, Job, Phase, of_sacct, of_squeue, sacct, unaccounted
from podium.orchestration.slurm.transport import SlurmError, SlurmUnreachable, Transport, last_line

logger = logging.getLogger(__name__)

REMIND: Final = 60.0
"""Seconds between two warnings that the controller does not answer."""
UNKNOWN: Final = "UNKNOWN"
"""The state of a job that Slurm has not been asked about yet."""


class Poller:
    """Answers from the last look, which is repeated when it is older than ``interval`` seconds and somebody asks.

    Thread-safe. While the controller does not answer, the last known states are given: jobs run on without it.
    """

    def __init__(self, transport: Transport, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._transport, self._interval, self._clock = transport, interval, clock
        self._lock = threading.Lock()
        self._known: dict[str, Job] = {}
        self._since: dict[str, float] = {}
        self._missing: dict[str, int] = {}
        self._asked_at = float("-inf")
        self._silent_at: float | None = None
        self._reminded_at = float("-inf")
        self._accounting = True

    def track(self, job: str) -> None:
        """Follow a job from now on."""
        with self._lock:
            self._since.setdefault(job, self._clock())

    def forget(self, job: str) -> None:
        """Follow a job no longer."""
        with self._lock:
            for table in (self._since, self._known, self._missing):
                table.pop(job, None)

    def active(self) -> list[Job]:
        """The followed jobs of which it is not known that they have ended."""
        with self._lock:
            self._refresh()
            found = [self._known.get(job, Job(job, UNKNOWN)) for job in self._since]
        return [job for job in found if job.phase.name in ("WAITING", "RUNNING")]

    def look(self, job: str) -> Job | None:
        """A job as it was within the last ``interval`` seconds; None if Slurm does not know it.

        A job counts as unknown once two looks that began after it was followed, and the accounting where there is
        one, did not find it.
        """
        with self._lock:
            self._since.setdefault(job, self._clock())
            self._refresh()
            if job in self._known:
                return self._known[job]
            return None if self._missing.get(job, 0) >= 2 else Job(job, UNKNOWN)

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._asked_at < self._interval:
            return
        self._asked_at = now
        absent = [job for job, looks in self._missing.items() if looks == 1]
        try:
            if absent and self._accounting:
                found, looked_for = self._ask_accounting(absent), absent
            else:
                found = of_squeue(self._ask(SQUEUE))
                looked_for = [job for job, since in self._since.items() if since < now]
        except SlurmUnreachable as error:
            self._silent(now, error)
            return
        if self._silent_at is not None:
            logger.info("Slurm answers again, after %.0f s", now - self._silent_at)
            self._silent_at = None
        self._take(found, looked_for)

    def _take(self, found: dict[str, Job], looked_for: Collection[str]) -> None:
        for job in looked_for:
            if job in found:
                self._known[job] = found[job]
                self._missing.pop(job, None)
            elif job in self._known and self._known[job].phase.name in ("SUCCEEDED", "FAILED"):
                continue  # ended, and forgotten by now
            else:
                self._missing[job] = self._missing.get(job, 0) + 1
                if self._missing[job] >= 2:
                    self._known.pop(job, None)

    def _ask(self, command: tuple[str, ...]) -> str:
        done = self._transport.run(*command)
        if done.status:
            raise SlurmUnreachable(f"{command[0]}: {last_line(done.stderr)}")
        return done.stdout

    def _ask_accounting(self, jobs: list[str]) -> dict[str, Job]:
        """Raises SlurmUnreachable if the accounting does not answer now; a site may also have none."""
        try:
            done = self._transport.run(*sacct(jobs))
        except SlurmUnreachable:
            raise
        except SlurmError:  # no such program
            self._accounting = False
            return {}
        if done.status == 0:
            # What the controller does not know does not run, whatever the accounting believes (a "runaway" job).
            over = (Phase.SUCCEEDED, Phase.FAILED)
            return {name: job for name, job in of_sacct(done.stdout).items() if job.phase in over}
        if unaccounted(done.status, done.stderr):
            self._accounting = False
            return {}
        raise SlurmUnreachable(f"sacct: {last_line(done.stderr)}")

    def _silent(self, now: float, error: SlurmUnreachable) -> None:
        self._silent_at = now if self._silent_at is None else self._silent_at
        if now - self._reminded_at >= REMIND:
            self._reminded_at = now
            logger.warning("Slurm does not answer (%s); its jobs go on, and so does the waiting", error.message)


@functools.cache
def poller_for(transport: Transport, interval: float) -> Poller:
    """The one poller of a place: ZenML makes several objects of one step operator."""
    return Poller(transport, interval)
