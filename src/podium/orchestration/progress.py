"""Live progress of candidates that train side by side in one process; log lines where there is no terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from podium.config import Candidate
from podium.results import EpochRecord

logger = logging.getLogger(__name__)

_boards: list[Board] = []


class Board:
    """One bar a candidate. ``epoch`` and ``failed`` may be called from any thread."""

    def __init__(self, progress: Progress, candidates: Sequence[Candidate]) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        for candidate in candidates:
            self._tasks[candidate.name] = progress.add_task(candidate.name, total=_epochs(candidate), note="waiting")

    def epoch(self, name: str, record: EpochRecord) -> None:
        """Show a finished epoch."""
        note = (
            f"loss {record.train_loss:.3f}  validation {record.validation_accuracy:6.2%}  {record.seconds:.1f} s/epoch"
        )
        self._progress.update(self._tasks[name], completed=record.epoch, note=note)
        if not self._progress.console.is_terminal:
            self._progress.console.print(f"{name}: epoch {record.epoch}: {note}", highlight=False, markup=False)

    def done(self, name: str, note: str) -> None:
        """Show how a candidate ended."""
        task = self._tasks[name]
        total = next(t.total for t in self._progress.tasks if t.id == task)
        self._progress.update(task, completed=total, note=note)


@contextmanager
def board(candidates: Sequence[Candidate]) -> Iterator[Board]:
    """Show a board for the time of the block. Draws on the real standard error: ZenML redirects the other streams."""
    console = Console(file=sys.__stderr__)
    # A note may be an error's text, and that may hold square brackets.
    name, note = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[note]}"))
    columns = (name, BarColumn(24), MofNCompleteColumn(), note)
    with Progress(*columns, TimeElapsedColumn(), console=console, redirect_stdout=False, redirect_stderr=False) as bars:
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


def _epochs(candidate: Candidate) -> int:
    fine_tune = candidate.trainer.fine_tune
    return candidate.trainer.epochs + (fine_tune.epochs if fine_tune else 0)
