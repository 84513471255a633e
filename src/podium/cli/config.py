"""``podium config``: check a run's file before anything runs; print the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from podium.wording import plural

app = typer.Typer(no_args_is_help=True)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Pipeline files, such as configs/quickstart.yaml.")],
) -> None:
    """Check pipeline files completely: unknown keys, types, combinations, recipes, and what ZenML would ignore."""
    from podium.config.sweep import SweepConfig
    from podium.orchestration.strict import check_any_file

    console = Console()
    for file in files:
        config = check_any_file(file)
        if isinstance(config, SweepConfig):
            trials, fields = plural(config.trials, "trial"), ", ".join(config.space)
            console.print(
                f"[green]ok[/] {escape(str(file))}: sweep [bold]{config.name}[/] of {trials} ({escape(fields)})"
            )
            continue
        names = ", ".join(config.branches)
        candidates = plural(len(config.branches), "candidate")
        console.print(f"[green]ok[/] {file}: run [bold]{config.name}[/] with {candidates} ({names})")


@app.command()
def schema() -> None:
    """Print the JSON schema of ``parameters.config``, for editors."""
    from podium.config import RunConfig

    typer.echo(json.dumps(RunConfig.model_json_schema(), indent=2))
