"""``podium train`` and ``podium evaluate``: the pipeline's functions without ZenML, for ``dvc repro`` and scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Argument(help="Pipeline file, such as configs/quickstart.yaml.")]
Models = Annotated[Path, typer.Option(help="Folder of trained models, one folder a candidate.")]


def train(config: Config, models: Models = Path(".podium/dvc/models")) -> None:
    """Train all candidates of a file in parallel, each into a folder of its own."""
    from podium.config.load import load_run_config
    from podium.settings import Settings
    from podium.stages import train_all

    settings = Settings.from_environment()
    file = settings.find(config)
    train_all(load_run_config(file), settings, models, file=file)


def evaluate(
    config: Config,
    models: Models = Path(".podium/dvc/models"),
    out: Annotated[Path, typer.Option(help="Folder for metrics.json and the tables behind the plots.")] = Path(
        ".podium/dvc"
    ),
) -> None:
    """Evaluate trained candidates: select on validation, then measure on test."""
    from podium.config.load import load_run_config
    from podium.settings import Settings
    from podium.stages import evaluate_all

    settings = Settings.from_environment()
    file = settings.find(config)
    evaluate_all(load_run_config(file), settings, models, out, file=file)
