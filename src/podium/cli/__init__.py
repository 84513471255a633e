"""The ``podium`` command."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer
from rich.console import Console

from podium.errors import PodiumError, of_os_error


def build_app() -> typer.Typer:
    """Assemble the commands. Sub-commands import what is heavy only when they run."""
    from podium.cli import (
        backup,
        config,
        data,
        desk,
        doctor,
        drift,
        environment,
        explain,
        leaderboard,
        predict,
        recipes,
        retrain,
        review,
        stack,
        stages,
        sweep,
        validate,
        weights,
        workstation,
    )

    app = typer.Typer(
        name="podium",
        help="From an image data set to a reviewed, promoted classifier.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.add_typer(config.app, name="config", help="Check and describe run configurations.")
    app.add_typer(data.app, name="data", help="Import and show the data set.")
    app.add_typer(recipes.app, name="recipes", help="List the networks and how they are trained.")
    app.add_typer(retrain.app, name="retrain", help="Train again when there is something new.")
    review.app.command("serve")(desk.serve)
    app.add_typer(review.app, name="review", help="Decide what is promoted.")
    app.add_typer(stack.app, name="stack", help="Register where pipelines run.")
    app.add_typer(sweep.app, name="sweep", help="Show what a search over a recipe's fields found.")
    app.add_typer(weights.app, name="weights", help="Fetch, list and check pretrained weights.")
    app.add_typer(workstation.app, name="workstation", help="Queue trainings for this machine's GPUs.")
    app.command("run")(environment.run)
    app.command("validate")(validate.validate)
    app.command("train")(stages.train)
    app.command("evaluate")(stages.evaluate)
    app.command("leaderboard")(leaderboard.leaderboard)
    app.command("report")(leaderboard.report)
    app.command("predict")(predict.predict)
    app.command("explain")(explain.explain)
    app.command("drift")(drift.drift)
    app.command("doctor")(doctor.doctor)
    app.command("backup")(backup.backup)
    app.command("restore")(backup.restore)
    app.command("env")(environment.env)
    app.command("dashboard")(environment.dashboard)
    app.command("dashboard-stop")(environment.dashboard_stop)
    return app


def main() -> None:
    """Run the command line; an expected error is one message on standard error, without a traceback."""
    try:
        build_app()()
    except PodiumError as error:
        _end(error)
    except OSError as error:
        _end(of_os_error(error))


def _end(error: PodiumError) -> NoReturn:
    Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/] {_escape(str(error))}", highlight=False)
    sys.exit(error.exit_code)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
