"""What a person sees while candidates train: at any width of the terminal, and in a log."""

from __future__ import annotations

import io
import re
import sys

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from podium.config import Candidate
from podium.progress import Board, board, fitting, shown_names
from podium.results import EpochRecord
from podium.training import Tick

from ..training.helpers import candidate

MID = Tick("train", 12, 50, 100, 6400, 1.234, 0.5678, 1280.0, 3 << 29)
ENDED = Tick("train", 12, 100, 100, 6400, 1.1, 0.61, 1310.0, 3 << 29)
RECORD = EpochRecord(
    phase="train", epoch=12, train_loss=1.1, train_accuracy=0.61, validation_loss=1.2, validation_accuracy=0.5525,
    learning_rate=0.1, seconds=5.0,
)  # fmt: skip


def named(*names: str, epochs: int = 80) -> list[Candidate]:
    return [candidate(epochs=epochs).model_copy(update={"name": name}) for name in names]


class Screen(io.StringIO):
    """A terminal that remembers what was written to it."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """What was drawn, without the codes that move the cursor."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())
        return [line.rstrip() for line in re.split(r"[\r\n]+", plain) if line.strip()]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Screen:
    screen = Screen()
    monkeypatch.setattr(sys, "__stderr__", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return screen


def test_a_step_shows_where_the_training_is_and_what_remains() -> None:
    chosen = candidate(epochs=10)
    screen = Console(file=io.StringIO(), width=150)
    bars = Progress(TextColumn("{task.fields[note]}", markup=False), console=screen)
    shown = Board(bars, [chosen])
    tick = Tick("train", 3, 50, 100, 6400, 1.234, 0.5678, 1280.0, 3 << 29)
    shown.step(chosen.name, tick)
    (task,) = bars.tasks
    assert task.completed == 2.5
    assert task.fields["note"] == "3/10  loss 1.23  56.8%  1,280 images/s  0:38 left  1.5 GiB"
    shown.step(chosen.name, Tick("train", 1, 1, 100, 640_000, 2.3, 0.1, 800.0, 0))
    assert "2:13:12 left" in bars.tasks[0].fields["note"]
    shown.done(chosen.name, "failed: [/b] at chance level")
    assert bars.tasks[0].completed == 10


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (60, "12/80  loss 1.23  56.8%  5:42 left"),
        (80, "12/80 loss 1.23 56.8% 1,280 images/s 5:42 left 1.5 GiB"),
        (100, "12/80  loss 1.23  56.8%  1,280 images/s  5:42 left  1.5 GiB"),
        (150, "12/80  loss 1.23  56.8%  1,280 images/s  5:42 left  1.5 GiB"),
    ],
)
def test_names_and_figures_are_whole_at_any_width(
    width: int, wanted: str, terminal: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    names = ("ladder_early_stopping", "tiny_000", "tiny_001")
    with board(named(*names)) as shown:
        for name in names:
            shown.step(name, MID)
    last = terminal.lines[-3:]
    for name in names:
        (line,) = (line for line in last if line.split()[0] == name)
        assert line.endswith(wanted)
        assert len(line) <= width
        assert ("━" in line) == (width >= 100)
    assert "…" not in terminal.getvalue()


def test_a_cause_that_does_not_fit_is_told_in_full(terminal: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    cause = "failed: the training loss became nan in epoch 1 of many, as the learning rate is far too high"
    with board(named("nan")) as shown:
        shown.done("nan", cause)
    assert f"nan: {cause}" in terminal.lines
    assert max(len(line) for line in terminal.lines if line != f"nan: {cause}") <= 60
    assert terminal.lines[-1].endswith("…")


def test_a_log_has_a_line_an_epoch_and_one_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", log)
    for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    cause = f"failed: the loss became nan{'!' * 80}"
    with board(named("good", "nocturne")) as shown:
        shown.step("good", ENDED)
        shown.epoch("good", RECORD)
        shown.epoch("nocturne", RECORD)
        shown.done("good", "done")
        shown.done("nocturne", cause)
    assert log.getvalue().splitlines() == [
        "good: epoch 12/80  loss 1.100  accuracy 61.00%  validation 55.25%  1,310 images/s  5:40 left  1.5 GiB",
        "nocturne: epoch 12/80  loss 1.100  accuracy 61.00%  validation 55.25%  5.0 s/epoch  5:40 left",
        "good: done",
        f"nocturne: {cause}",
    ]


def test_a_dumb_terminal_is_written_to_as_a_log(terminal: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with board(named("good")) as shown:
        shown.step("good", ENDED)
        shown.done("good", "done")
    assert terminal.getvalue() == "good: done\n"


def test_long_names_lose_their_middle_but_never_what_tells_them_apart() -> None:
    long = "a_sweep_over_learning_rates_and_more"
    first, second = shown_names([f"{long}_000", f"{long}_001"])
    assert (len(first), first[-4:], second[-4:]) == (28, "_000", "_001")
    same = [f"the_same_begin_{middle}_and_the_same_end" for middle in "ab"]
    assert shown_names(same) == same


def test_figures_go_by_their_weight_and_are_never_cut() -> None:
    told = [
        fitting(room, "12/80", "loss 1.23", "56.8%", speed="9 images/s", left="5:42 left", memory="1.5 GiB")
        for room in range(70)
    ]
    assert all(len(text) <= max(room, 5) for room, text in enumerate(told))
    assert told[0] == "12/80"
    assert "images/s" in told[-1]
    whole = {"12/80", "loss", "1.23", "56.8%", "9", "images/s", "5:42", "left", "1.5", "GiB"}
    assert set(" ".join(told).split()) == whole
