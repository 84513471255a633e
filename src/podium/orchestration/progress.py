"""Live progress of candidates that train side by side in one process; log lines where there is no terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from podium.config import Candidate
from podium.results import EpochRecord
from podium.training import Tick

logger = logging.getLogger(__name__)

_boards: list[Board] = []


class Board:
    """One bar a candidate. Its methods may be called from any thread."""

    def __init__(self, progress: Progress, candidates: Sequence[Candidate]) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._totals: dict[str, int] = {}
        for candidate in candidates:
            self._totals[candidate.name] = _epochs(candidate)
            self._tasks[candidate.name] = progress.add_task(candidate.name, total=_epochs(candidate), note="waiting")

    def epoch(self, name: str, record: EpochRecord) -> None:
        """Show a finished epoch."""
        note = (
            f"loss {record.train_loss:.3f}  validation {record.validation_accuracy:6.2%}  {record.seconds:.1f} s/epoch"
        )
        self._progress.update(self._tasks[name], completed=record.epoch, note=note)
        if not self._progress.console.is_terminal:
            self._progress.console.print(f"{name}: epoch {record.epoch}: {note}", highlight=False, markup=False)

    def step(self, name: str, tick: Tick) -> None:
        """Show where an epoch is: the bar moves on by its part; the time that remains follows from its speed."""
        now = tick.epoch - 1 + tick.step / tick.steps
        ahead = (self._totals[name] - now) * tick.images / tick.images_per_second
        note = (
            f"{tick.epoch}/{self._totals[name]}  loss {tick.loss:.2f}  {tick.accuracy:5.1%}"
            f"  {tick.images_per_second:,.0f} images/s  {_duration(ahead)} left  {tick.memory / 2**30:.1f} GiB"
        )
        self._progress.update(self._tasks[name], completed=now, note=note)

    def done(self, name: str, note: str) -> None:
        """Show how a candidate ended."""
        task = self._tasks[name]
        self._progress.update(task, completed=self._totals[name], note=note)


@contextmanager
def board(candidates: Sequence[Candidate]) -> Iterator[Board]:
    """Show a board for the time of the block. Draws on the real standard error: ZenML redirects the other streams."""
    console = Console(file=sys.__stderr__)
    # A note may be an error's text, and that may hold square brackets.
    name, note = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[note]}"))
    columns = (name, BarColumn(10), note)
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as bars:
        shown = Board(bars, candidates)
        _boards.append(shown)
        try:
            yield shown
        finally:
            _boards.remove(shown)


def report_epoch(name: str, record: EpochRecord) -> None:
    """Tell the board of this process; a step that runs in a process of its own logs instead."""
    if _boards:
        _boards[-1].epoch(name, record)
        return
    logger.info("%s: epoch %d: validation accuracy %.4f", name, record.epoch, record.validation_accuracy)


def report_progress(name: str, tick: Tick) -> None:
    """Tell the board of this process, if there is one."""
    if _boards:
        _boards[-1].step(name, tick)


def _duration(seconds: float) -> str:
    """Such as ``1:05``, ``2:00:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _epochs(candidate: Candidate) -> int:
    fine_tune = candidate.trainer.fine_tune
    return candidate.trainer.epochs + (fine_tune.epochs * len(fine_tune.stages) if fine_tune else 0)
