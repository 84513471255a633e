"""What a person sees while candidates train."""

from __future__ import annotations

import io

from rich.console import Console
from rich.progress import Progress, TextColumn

from podium.orchestration.progress import Board
from podium.training import Tick

from ..training.helpers import candidate


def test_a_step_shows_where_the_training_is_and_what_remains() -> None:
    chosen = candidate(epochs=10)
    bars = Progress(TextColumn("{task.fields[note]}", markup=False), console=Console(file=io.StringIO()))
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
