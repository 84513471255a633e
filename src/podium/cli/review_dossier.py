"""``podium review dossier``: what a reviewer reads before deciding."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from podium.cli.deciding import settings_of_decisions
from podium.cli.leaderboard import has_browser


def dossier(
    review: Annotated[str, typer.Argument(metavar="ID", help="Such as podium-3: version 3 of the model podium.")],
    json: Annotated[bool, typer.Option("--json", help="Print the dossier's JSON.")] = False,
    card: Annotated[bool, typer.Option("--card", help="Print the model card (Markdown).")] = False,
    open: Annotated[bool, typer.Option("--open/--no-open", help="Open it in a browser if there is one.")] = True,
) -> None:
    """Print the path of a review's dossier and open it in a browser, once it is known to be unchanged."""
    from podium.registry import dossiers, reviews

    settings = settings_of_decisions()
    found = reviews.show(settings, review)
    folder = dossiers.kept(settings, found.request.version, found.request.dossier)
    if json or card:
        typer.echo((folder / (dossiers.CARD if card else dossiers.FACTS)).read_text(encoding="utf-8"), nl=False)
        return
    page = folder / dossiers.PAGE
    typer.echo(str(page))
    if open and has_browser():
        import webbrowser

        if not webbrowser.open(page.as_uri()):
            Console(stderr=True).print("[yellow]no browser could be started;[/] open the file above in one")
