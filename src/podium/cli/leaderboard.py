"""``podium leaderboard`` and ``podium report``: how a run's candidates compare."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from podium.settings import Settings

RunArgument = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="Name of a run; the latest unless given.", show_default=False)
]


def leaderboard(
    run: RunArgument = None,
    json: Annotated[bool, typer.Option("--json", help="Print the leaderboard as JSON.")] = False,
) -> None:
    """Show how the candidates of a run compare, and which version is the champion now."""
    from podium.cli.deciding import settings_of_decisions
    from podium.registry.champion import champion_version
    from podium.report.files import read_leaderboard, run_folder
    from podium.report.table import render_leaderboard

    settings = settings_of_decisions()
    board = read_leaderboard(run_folder(settings.runs, run))
    board = board.model_copy(update={"champion": champion_version(settings, board.model)})
    if json:
        typer.echo(board.model_dump_json(indent=2))
    else:
        render_leaderboard(board, Console())


def report(
    run: RunArgument = None,
    open: Annotated[bool, typer.Option("--open/--no-open", help="Open it in a browser if there is one.")] = True,
) -> None:
    """Print the path of a run's report and open it in a browser."""
    from podium.report.files import report_file, run_folder

    file = report_file(run_folder(Settings.from_environment().runs, run))
    typer.echo(str(file))
    if open and has_browser():
        import webbrowser

        if not webbrowser.open(file.as_uri()):
            Console(stderr=True).print("[yellow]no browser could be started;[/] open the file above in one")


def has_browser() -> bool:
    """Whether a window can be opened here: not over SSH, in a container or in CI."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
