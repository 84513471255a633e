"""``podium sweep``: what a search over a recipe's fields found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

app = typer.Typer(no_args_is_help=True)


@app.callback()
def sweep() -> None:
    """Show sweeps. Run one: podium run configs/sweep.yaml --pipeline pipelines.sweep.sweep_pipeline."""


@app.command("show")
def show(
    name: Annotated[
        str | None, typer.Argument(metavar="[SWEEP]", help="Its name; the latest unless given.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the best trial as a recipe, such as configs/recipes/NAME.yaml."),
    ] = None,
) -> None:
    """Show the trials of a sweep, also of one that is running; selection is on validation figures alone."""
    from podium.settings import Settings
    from podium.sweeps.results import read

    settings = Settings.from_environment()
    result = read(settings, name)
    if save is not None:
        from podium.sweeps.save import save_recipe

        recipe = save_recipe(result, save, settings.recipes)
        if not as_json:
            console = Console()
            console.print(
                Text(f"wrote {save}: recipe {recipe.id}, trial {result.best} of sweep {result.sweep}"), soft_wrap=True
            )
            return
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
        return
    from podium.report.sweep import render_sweep

    render_sweep(result, Console())
