"""``podium data``: import, show and restore the data set."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podium.errors import DataError
from podium.settings import Settings

if TYPE_CHECKING:
    from rich.table import Table

    from podium.data import Manifest

app = typer.Typer(no_args_is_help=True)
_import = typer.Typer(no_args_is_help=True)
app.add_typer(_import, name="import", help="Write a data set from a source.")


class _Resize(StrEnum):
    stretch = "stretch"
    crop = "crop"
    pad = "pad"


Target = Annotated[
    Path | None, typer.Option(help="Folder to write; the checkout's data/ unless given.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Replace a data set of other content.")]


@_import.command("digits")
def import_digits(target: Target = None, force: Force = False) -> None:
    """The embedded data set: scikit-learn's handwritten digits, 1,797 images at 32×32."""
    from podium.data.sources import SOURCES

    _install(target, SOURCES["digits"].importer, name="digits", force=force)


@_import.command("parquet")
def import_parquet(
    train: Annotated[list[Path], typer.Option(help="File of the training split; may be repeated.")],
    test: Annotated[list[Path] | None, typer.Option(help="File of the test split; drawn from train if absent.")] = None,
    validation: Annotated[
        list[Path] | None, typer.Option(help="File of the validation split; drawn from train if absent.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set; the first file's stem unless given.")] = None,
    licence: Annotated[str, typer.Option(help="SPDX identifier or a sentence.")] = "unknown",
    target: Target = None,
    force: Force = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the splits that are drawn from train.")] = 0,
    validation_fraction: Annotated[float, typer.Option(help="Share of train, where validation is drawn.")] = 0.1,
    test_fraction: Annotated[float, typer.Option(help="Share of train, where test is drawn.")] = 0.1,
    size: Annotated[
        str | None, typer.Option(metavar="N|HxW", help="Height and width; the images' own one unless given.")
    ] = None,
    resize: Annotated[_Resize, typer.Option(help="How images are brought to --size.")] = _Resize.stretch,
    image_column: Annotated[str | None, typer.Option(help="Column of the encoded images; found unless given.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of the labels; found unless given.")] = None,
    classes: Annotated[
        Path | None, typer.Option(help="Text file of class names in label order, one a line; else from the metadata.")
    ] = None,
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Remove images from train that also stand in validation or test.")
    ] = False,
) -> None:
    """Parquet files in the layout of the Hugging Face hub: encoded images and integer labels."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from podium.data.sources import SOURCES

    name = name or train[0].stem
    bounds = _parse_size(size)
    names = _read_names(classes)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("decoding images", total=None)

        def importer(folder: Path) -> Manifest:
            return SOURCES["parquet"].importer(
                folder,
                train,
                test or (),
                validation or (),
                name=name,
                licence=licence,
                class_names=names,
                image_column=image_column,
                label_column=label_column,
                validation_fraction=validation_fraction,
                test_fraction=test_fraction,
                seed=seed,
                size=bounds,
                resize=resize.value,
                drop_duplicates=drop_duplicates,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )

        _install(target, importer, name=name, force=force)


@app.command("show")
def show(
    path: Annotated[
        Path | None, typer.Argument(help="Folder of a data set; the checkout's data/ unless given.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The content of dataset.json, and the path.")] = False,
) -> None:
    """What a data set holds: classes, counts, statistics, digest."""
    import json

    from rich.console import Console

    from podium.data import open_dataset

    path = path or Settings.from_environment().data
    manifest = open_dataset(path).manifest
    if as_json:
        typer.echo(json.dumps({"path": str(path), **manifest.model_dump(mode="json")}, indent=2, ensure_ascii=False))
    else:
        Console().print(_facts(path, manifest), _counts(manifest))


@app.command("restore")
def restore(
    manifest: Annotated[Path | None, typer.Option(help="Also copy dataset.json to this file.")] = None,
) -> None:
    """Make data/ be what data.dvc records, where that needs no download."""
    from podium import atomic
    from podium.data.dvc import keep_in_cache
    from podium.data.restore import restore as restore_data

    settings = Settings.from_environment()
    restored = restore_data(settings.data, settings.root / "data.dvc")
    if restored.outcome == "imported":
        keep_in_cache(settings.data, settings.root / "data.dvc")
    if manifest:
        atomic.write_bytes(manifest, (settings.data / "dataset.json").read_bytes())
    typer.echo(f"{settings.data}: {restored.manifest.name} ({restored.manifest.digest[:12]}), {restored.outcome}")


def _facts(path: Path, manifest: Manifest) -> Table:
    """Key and value, one a line. Names come from data, so they are no markup."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for key, value in (
        ("name", manifest.name),
        ("path", str(path)),
        ("size", f"{manifest.height}×{manifest.width} RGB"),
        ("classes", str(len(manifest.class_names))),
        ("mean", ", ".join(f"{v:.4f}" for v in manifest.mean)),
        ("std", ", ".join(f"{v:.4f}" for v in manifest.std)),
        ("source", manifest.source),
        ("licence", manifest.licence),
        ("digest", manifest.digest),
    ):
        grid.add_row(Text(key, style="dim"), Text(value, overflow="fold"))
    return grid


def _counts(manifest: Manifest) -> Table:
    """Images of each class in each split."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_footer=True)
    table.add_column("class", footer="all")
    for split, info in manifest.splits.items():
        table.add_column(Text(split), footer=f"{info.count:,}", justify="right")
    for label, name in enumerate(manifest.class_names):
        table.add_row(Text(name), *(f"{info.per_class[label]:,}" for info in manifest.splits.values()))
    return table


def _install(target: Path | None, importer: Callable[[Path], Manifest], *, name: str, force: bool) -> None:
    from podium.data.dvc import keep_in_cache
    from podium.data.sources import install

    settings = Settings.from_environment()
    target = target or settings.data
    manifest, outcome = install(target, importer, name=name, force=force)
    counts = ", ".join(f"{info.count:,} {split}" for split, info in manifest.splits.items())
    what = "already there, unchanged" if outcome == "unchanged" else outcome
    typer.echo(f"{target}: {manifest.name}, {len(manifest.class_names)} classes, {counts}; {what}")
    typer.echo(f"digest {manifest.digest}")
    if target.absolute() == settings.data and not keep_in_cache(settings.data, settings.root / "data.dvc"):
        typer.echo("DVC does not record this version yet: `dvc add data` does")


def _parse_size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) in (1, 2) and all(part.isdecimal() and int(part) > 0 for part in parts):
        return int(parts[0]), int(parts[-1])
    raise DataError(f"--size {text}: not a size", remedy="give one number of pixels, or height and width as 32x48")


def _read_names(file: Path | None) -> list[str] | None:
    if file is None:
        return None
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: {error}", remedy="give a UTF-8 text file with one class name a line") from None
