"""Live progress of candidates that train side by side in one process; plain lines where there is no terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn
from rich.table import Column

from podium.config import Candidate
from podium.results import EpochRecord
from podium.training import Tick

logger = logging.getLogger(__name__)

LONGEST_NAME: Final = 28
"""Characters of a name that are shown; of a longer one the middle goes, as names differ at their ends."""
_BAR: Final = 10
_NOTE: Final = 64
"""Characters of a usual note: where it has no place beside a bar, there is none."""

_boards: list[Board] = []


class Board:
    """One line a candidate. Its methods may be called from any thread.

    Args:
        progress: What draws it.
        candidates: Who is shown.
        live: Whether it is drawn; otherwise what it is told is printed, a line an epoch.
    """

    def __init__(self, progress: Progress, candidates: Sequence[Candidate], *, live: bool = True) -> None:
        self._progress, self._live = progress, live
        self._tasks: dict[str, TaskID] = {}
        self._totals: dict[str, int] = {}
        self._ticks: dict[str, Tick] = {}
        names = shown_names([candidate.name for candidate in candidates])
        self._room = room(progress.console.width, names)[0]
        for candidate, name in zip(candidates, names, strict=True):
            self._totals[candidate.name] = _epochs(candidate)
            self._tasks[candidate.name] = progress.add_task(name, total=_epochs(candidate), note="waiting")

    def epoch(self, name: str, record: EpochRecord) -> None:
        """Show a finished epoch."""
        total, tick = self._totals[name], self._ticks.get(name)
        epoch, loss = f"{record.epoch}/{total}", f"loss {record.train_loss:.3f}"
        # One that goes on after a checkpoint may have ended its epoch before it was seen at work.
        seen = tick if tick and tick.epoch == record.epoch else None
        speed = f"{seen.images_per_second:,.0f} images/s" if seen else f"{record.seconds:.1f} s/epoch"
        left = f"{_duration((total - record.epoch) * record.seconds)} left"
        memory = f"{seen.memory / 2**30:.1f} GiB" if seen else ""
        if self._live:
            validation = f"validation {record.validation_accuracy:.1%}"
            note = fitting(self._room, epoch, loss, validation, speed=speed, left=left, memory=memory)
            self._progress.update(self._tasks[name], completed=record.epoch, note=note)
            return
        self._progress.update(self._tasks[name], completed=record.epoch)
        accuracy = f"accuracy {record.train_accuracy:.2%}  validation {record.validation_accuracy:.2%}"
        self._print(f"{name}: epoch " + "  ".join(filter(None, (epoch, loss, accuracy, speed, left, memory))))

    def step(self, name: str, tick: Tick) -> None:
        """Show where an epoch is: the bar moves on by its part; the time that remains follows from its speed."""
        self._ticks[name] = tick
        now = tick.epoch - 1 + tick.step / tick.steps
        ahead = (self._totals[name] - now) * tick.images / tick.images_per_second
        note = fitting(
            self._room,
            f"{tick.epoch}/{self._totals[name]}",
            f"loss {tick.loss:.2f}",
            f"{tick.accuracy:.1%}",
            speed=f"{tick.images_per_second:,.0f} images/s",
            left=f"{_duration(ahead)} left",
            memory=f"{tick.memory / 2**30:.1f} GiB",
        )
        self._progress.update(self._tasks[name], completed=now, note=note)

    def done(self, name: str, note: str) -> None:
        """Show how a candidate ended; in full above the others where its own line has no place for it."""
        first = note.partition("\n")[0]
        shown = first if len(first) <= self._room else f"{first[: max(0, self._room - 1)]}…"
        self._progress.update(self._tasks[name], completed=self._totals[name], note=shown)
        if not self._live or shown != note:
            self._print(f"{name}: {note}")

    def _print(self, line: str) -> None:
        self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)


def shown_names(names: Sequence[str]) -> list[str]:
    """Names as they are shown: long ones without their middle, unless two would then read the same."""
    half = LONGEST_NAME // 2
    cut = [name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}" for name in names]
    return cut if len(set(cut)) == len(set(names)) else list(names)


def room(width: int, names: Sequence[str]) -> tuple[int, bool]:
    """Characters for a candidate's note beside its name, and whether there is place for bars, too."""
    beside = width - max(map(len, names), default=0) - 1
    bars = beside >= _NOTE + _BAR + 1
    return beside - (_BAR + 1 if bars else 0), bars


def fitting(room: int, epoch: str, loss: str, accuracy: str, *, speed: str, left: str, memory: str) -> str:
    """The figures side by side, as many as there is place for: closer together first, then without the least needed.

    Those that stay are never cut: half a figure is a wrong one.
    """
    ways = (
        (epoch, loss, accuracy, speed, left, memory),
        (epoch, loss, accuracy, left, memory),
        (epoch, loss, accuracy, left),
        (epoch, accuracy, left),
        (epoch, accuracy),
        (epoch,),
    )
    told = (gap.join(filter(None, way)) for way in ways for gap in ("  ", " "))
    return next((text for text in told if len(text) <= room), epoch)


@contextmanager
def board(candidates: Sequence[Candidate]) -> Iterator[Board]:
    """Show a board for the time of the block. Draws on the real standard error: ZenML redirects the other streams."""
    console = Console(file=sys.__stderr__)
    live = console.is_terminal and not console.is_dumb_terminal
    names = shown_names([candidate.name for candidate in candidates])
    # A note may be an error's text, and that may hold square brackets.
    whole = Column(no_wrap=True, min_width=max(map(len, names), default=0))
    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False, table_column=whole)]
    if room(console.width, names)[1]:
        columns.append(BarColumn(_BAR))
    columns.append(TextColumn("{task.fields[note]}", markup=False))
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False, disable=not live) as bars:
        shown = Board(bars, candidates, live=live)
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
