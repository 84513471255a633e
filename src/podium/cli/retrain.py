"""``podium retrain``: train again when there is something new; what was looked at and done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from podium.config.retraining import RetrainingConfig
    from podium.retraining.due import Due
    from podium.settings import Settings

app = typer.Typer(no_args_is_help=True)

_PIPELINE: Final = "pipelines.retraining.retraining_pipeline"
_GOES_ON: Final = "goes on"  # of podium.orchestration.restarts, which brings ZenML
_AGAIN: Final = 3
"""Trainings in one call, at most, where data or code move while one goes on."""

File = Annotated[Path, typer.Argument(help="Pipeline file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_FILE = Path("configs/retraining.yaml")


@app.command()
def check(config: File = _FILE, as_json: Json = False) -> None:
    """Tell whether `podium retrain run` would train, and why; nothing is trained. Exit status 0, whatever it says."""
    settings, loaded, _ = _load(config)
    _tell(_look(settings, loaded), as_json)


@app.command()
def run(
    config: File = _FILE,
    force: Annotated[bool, typer.Option("--force", help="Train whatever has changed.")] = False,
    as_json: Json = False,
) -> None:
    """Look, in seconds, and train where there is something new. For cron, scrontab and CronJobs.

    A call while another one trains does nothing: what changes meanwhile is looked at when that has ended. A missed call
    loses nothing either, since changes are counted from the last training, not from the last look.
    """
    from podium.retraining.due import FORCED
    from podium.retraining.round import history_of

    settings, loaded, file = _load(config)
    if force:
        history_of(settings, loaded).add("checked", None, kind=FORCED, reasons=["asked for"])
    status = 0
    for _ in range(_AGAIN):
        decision = _look(settings, loaded)
        if decision is None or not decision.train:
            break
        if not as_json:
            _tell(decision, False)
        status = _train(settings, file, quiet=as_json)
        if status:
            break
    if as_json:
        typer.echo(history_of(settings, loaded).entries()[-1].model_dump_json(indent=2))
    elif status == 0 and (decision is None or not decision.train):
        _tell(decision, False)
    raise typer.Exit(status)


@app.command()
def history(config: File = _FILE, as_json: Json = False) -> None:
    """Show what was looked at and trained, the latest last; writes the page of it, too."""
    from podium import atomic
    from podium.report.retraining import print_history
    from podium.retraining.page import render_history
    from podium.retraining.round import history_of

    settings, loaded, _ = _load(config)
    entries = history_of(settings, loaded).entries()
    page = settings.state / "retraining" / f"{loaded.name}.html"
    atomic.write_text(page, render_history(loaded.name, entries))
    if as_json:
        typer.echo("[" + ",\n".join(entry.model_dump_json(indent=2) for entry in entries) + "]")
        return
    print_history(entries)
    typer.echo(f"page: {page}")


def _load(config: Path) -> tuple[Settings, RetrainingConfig, Path]:
    from podium.config.retraining_file import load_retraining_config
    from podium.settings import Settings

    settings = Settings.from_environment()
    file = settings.find(config).absolute()
    return settings, load_retraining_config(file), file


def _look(settings: Settings, config: RetrainingConfig) -> Due | None:
    """The decision; None where another run goes on. Raises as ``podium.retraining.round.looking``."""
    from podium.retraining.drifted import drifted
    from podium.retraining.round import looking

    def goes_on(run: str) -> bool:
        return _goes_on(settings, run)

    with looking(settings, config, drifted(settings, config), train=False, goes_on=goes_on) as found:
        return found.due if found else None


def _goes_on(settings: Settings, run: str) -> bool:
    """Whether the driver of a run of ZenML's waits for its restart; asked where a run seems to be cut off, alone."""
    from podium.cli.environment import zenml_environment

    command = [sys.executable, "-m", "podium.orchestration.restarts", run]
    environment = zenml_environment(settings)
    done = subprocess.run(command, cwd=settings.root, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.endswith(_GOES_ON)


def _tell(decision: Due | None, as_json: bool) -> None:
    if as_json:
        typer.echo(decision.model_dump_json(indent=2) if decision else '{"train": false, "kind": "overlapped"}')
    elif decision is None:
        typer.echo("another run of this retraining goes on: nothing is done here")
    else:
        typer.echo(f"{'training' if decision.train else 'nothing to train'}: {decision.told}")


def _train(settings: Settings, file: Path, *, quiet: bool) -> int:
    """Run the pipeline as a process; its exit status."""
    from podium.cli.environment import zenml_environment

    command = [sys.executable, "-m", "podium.orchestration.runner", _PIPELINE, str(file)]
    out = sys.stderr if quiet else None
    return subprocess.run(
        command, cwd=settings.root, env=zenml_environment(settings), stdout=out, check=False
    ).returncode
