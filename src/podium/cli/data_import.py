"""``podium data import SOURCE``: one function a source. The options that all have are in ``data_options``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import data_sources
from podium.cli.data_files import choose_files
from podium.cli.data_options import Config, Force, NoDvc, Target, import_command, install_and_tell, read_names
from podium.cli.data_policy import choose_policy
from podium.config.base import DEFAULT_RESIZE
from podium.errors import ConfigError
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.data.importing import Listing

app = typer.Typer(no_args_is_help=True)


@app.command("digits")
def import_digits(target: Target = None, config: Config = None, force: Force = False, no_dvc: NoDvc = False) -> None:
    """The embedded data set: scikit-learn's handwritten digits, 1,797 images at 32×32."""
    from podium.data.sources.digits import SIDE
    from podium.data.sources.digits import import_digits as importer

    policy = choose_policy(None, None, target, config, Settings.from_environment())
    if policy.size not in (None, (SIDE, SIDE)) or policy.resize != DEFAULT_RESIZE:
        raise ConfigError(
            f"{config}: parameters.config.data: asks for another size or policy than that of the embedded digits,"
            f" {SIDE} and {DEFAULT_RESIZE}",
            remedy="write these into the file, or import another source",
        )
    install_and_tell(policy.target, importer, name="digits", force=force, dvc=not no_dvc, source="digits")


@import_command(app, "parquet")
def parquet(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Files, or a folder of them, whose names say train, val or test."),
    ] = None,
    train: Annotated[
        list[Path] | None,
        typer.Option(help="In place of PATH: file, folder or pattern of the training split; may be repeated."),
    ] = None,
    test: Annotated[list[Path] | None, typer.Option(help="As --train, of the test split; else drawn.")] = None,
    validation: Annotated[
        list[Path] | None, typer.Option(help="As --train, of the validation split; else drawn.")
    ] = None,
    image_column: Annotated[str | None, typer.Option(help="Column of the encoded images; found unless given.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of the labels; found unless given.")] = None,
    classes: Annotated[
        Path | None, typer.Option(help="Text file of class names in label order, one a line; else from the metadata.")
    ] = None,
) -> tuple[str, Listing]:
    """Parquet files in the layout of the Hugging Face hub: encoded images, and labels as numbers or names."""
    from podium.data.sources import list_parquet
    from podium.data.sources.split_files import PARQUET

    name, files = choose_files(PARQUET, paths, train, validation, test)
    listing = list_parquet(
        files["train"],
        files["test"],
        files["validation"],
        class_names=read_names(classes),
        image_column=image_column,
        label_column=label_column,
    )
    return name, listing


data_sources.register(app)
