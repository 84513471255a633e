"""``podium train`` and ``podium evaluate``: the pipeline's functions without ZenML, for ``dvc repro`` and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from podium.results import Failure

Config = Annotated[Path, typer.Argument(help="Pipeline file, such as configs/quickstart.yaml.")]
Models = Annotated[Path, typer.Option(help="Folder of trained models, one folder a candidate.")]


def train(config: Config, models: Models = Path(".podium/dvc/models")) -> None:
    """Train all candidates of a file in parallel, each into a folder of its own; the others go on if one fails."""
    from podium.config.load import load_run_config
    from podium.settings import Settings
    from podium.stage_models import FAILURES
    from podium.stages import train_all

    settings = Settings.from_environment()
    file = settings.find(config)
    trained = train_all(load_run_config(file), settings, models, file=file)
    for name, summary in trained.summaries.items():
        accuracy = summary.validation_accuracy
        figure = "" if accuracy is None else f"validation accuracy {accuracy:.4f}, "
        typer.echo(f"{name}: {figure}saved in {models / name}")
    _tell(trained.failures, f"recorded in {models / FAILURES}; podium evaluate goes on without")


def evaluate(
    config: Config,
    models: Models = Path(".podium/dvc/models"),
    out: Annotated[Path, typer.Option(help="Folder for metrics.json and the tables behind the plots.")] = Path(
        ".podium/dvc"
    ),
) -> None:
    """Evaluate trained candidates and select, on validation; the test split stays closed."""
    from podium.config.load import load_run_config
    from podium.settings import Settings
    from podium.stages import evaluate_all

    settings = Settings.from_environment()
    file = settings.find(config)
    failures = evaluate_all(load_run_config(file), settings, models, out, file=file)
    _tell(failures, f"left out of the comparison; {out / 'metrics.json'} names who failed")


def _tell(failures: Mapping[str, Failure], so: str) -> None:
    """Name every failed candidate on standard error, with cause and remedy, and what follows from it."""
    from podium.wording import plural

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for name, failure in failures.items():
        remedy = f"\n  → {failure.remedy}" if failure.remedy else ""
        console.print(Text.assemble((name, "bold"), (" failed: ", "red"), failure.cause, remedy))
    if failures:
        console.print(Text(f"{plural(len(failures), 'candidate')} failed: {so}"))
