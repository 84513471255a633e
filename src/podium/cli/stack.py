"""``podium stack``: where pipelines run."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def stack() -> None:
    """Where pipelines run."""


@app.command()
def up(
    name: Annotated[
        str, typer.Argument(help="A file of infra/stacks without its ending, or the path of a .yaml file.")
    ],
    active: Annotated[
        bool,
        typer.Option("--active", help="Register in the ZenML that `zenml status` shows, not in this checkout's own."),
    ] = False,
) -> None:
    """Register a stack and its components, or change them to what the file says; then: zenml pipeline run … -s NAME."""
    from podium.cli.environment import prepared, zenml_environment
    from podium.settings import Settings

    settings = Settings.from_environment()
    if not active:
        prepared(settings)
    environment = dict(os.environ) if active else zenml_environment(settings)
    command = [sys.executable, "-m", "podium.orchestration.stacks", name]
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)
