"""The leaderboard as a table on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from podium.report.text import duration, interval, percent, seeds, significant
from podium.results import Leaderboard, LeaderboardRow


def render_leaderboard(board: Leaderboard, console: Console) -> None:
    """Print a leaderboard as a table, why candidates failed and what helps, what several seeds reached, what won.

    Names and causes come from configurations and errors: they are printed as plain text, never as markup.
    """
    console.print(_table(board, console.width))
    for row in board.candidates:
        if row.status == "failed":
            cause = (row.cause or "no cause was recorded").replace("\n", "\n  ")
            console.print(Text.assemble((row.recipe, "bold"), (" failed: ", "red"), cause), soft_wrap=True)
            if row.remedy:
                console.print(Text("  → " + row.remedy.replace("\n", "\n    ")), soft_wrap=True)
    for group in board.seeds:
        console.print(Text.assemble((group.name, "bold"), f", {seeds(group)}"), soft_wrap=True)
    console.print(_outcome(board), soft_wrap=True)


def _table(board: Leaderboard, width: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.title = Text.assemble("run ", (board.run, "bold"), f" on {board.data.name}")
    table.title_justify = "left"
    table.add_column("", justify="right")
    table.add_column("candidate", overflow="fold")
    shown = {heading: cell for heading, cell in _COLUMNS.items() if width >= _NEEDED.get(heading, 0)}
    for heading in shown:
        table.add_column(heading, justify="right", no_wrap=True)
    for rank, row in enumerate(board.candidates, start=1):
        if row.status == "failed":
            cells, style = ["–", row.recipe, "failed"], "dim"
        else:
            cells = [str(rank), row.recipe, *(cell(row) for cell in shown.values())]
            style = "bold" if row.recipe == board.selected else ""
        table.add_row(*map(Text, cells), style=style)
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value)


def _interval(row: LeaderboardRow) -> str:
    low, high = row.test_accuracy_low, row.test_accuracy_high
    return "–" if low is None or high is None else interval(low, high)


def _seconds(value: float | None) -> str:
    return "–" if value is None else duration(value)


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else significant(value, 2)


_COLUMNS: Final[Mapping[str, Callable[[LeaderboardRow], str]]] = {
    "validation %": lambda row: _share(row.validation_accuracy),
    "test %": lambda row: _share(row.test_accuracy),
    "95 % interval": _interval,
    "F1 %": lambda row: _share(row.test_f1),
    "parameters": lambda row: "–" if row.parameters is None else f"{row.parameters:,}",
    "epochs": lambda row: "–" if row.epochs is None else str(row.epochs),
    "training": lambda row: _seconds(row.train_seconds),
    "ms/image": lambda row: _milliseconds(row.milliseconds_per_image),
}
_NEEDED: Final[Mapping[str, int]] = {"F1 %": 112, "epochs": 112, "ms/image": 112, "parameters": 92}
"""Width of the terminal, in characters, from which a column is shown."""


def _outcome(board: Leaderboard) -> Text:
    if board.selected is None:
        return Text("No candidate was selected.", style="red")
    metric = board.selection_metric.replace("_", " ")
    version = f" (version {board.version})" if board.version is not None else ""
    champion = (
        f"version {board.champion}"
        if board.champion is not None
        else "none yet; nothing is promoted without a decision"
    )
    return Text.assemble(
        "Selected on validation ",
        f"{metric}: ",
        (board.selected + version, "bold"),
        f". Champion of {board.model}: ",
        (champion, "bold"),
    )
