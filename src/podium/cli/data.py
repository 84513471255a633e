"""``podium data``: import, show and restore the data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import data_diff, data_import
from podium.settings import Settings
from podium.wording import plural

if TYPE_CHECKING:
    from rich.table import Table

    from podium.data import Manifest

app = typer.Typer(no_args_is_help=True)
app.add_typer(data_import.app, name="import", help="Write a data set from a source.")
app.command("diff")(data_diff.diff)


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
    pull: Annotated[bool, typer.Option("--pull", help="Have DVC fetch it from its remote, if need be.")] = False,
) -> None:
    """Make data/ be what data.dvc records, where that needs no download, or else with --pull."""
    from podium import atomic
    from podium.data.dvc import fetch, keep_in_cache
    from podium.data.restore import restore as restore_data

    settings = Settings.from_environment()
    record = settings.root / "data.dvc"
    pulled = pull and fetch(settings.data, record)
    restored = restore_data(settings.data, record)
    if pulled:
        restored = restored._replace(outcome="fetched")
    if restored.outcome == "imported":
        keep_in_cache(settings.data, record)
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
        ("size", f"{manifest.height}×{manifest.width} RGB; images of other sizes: {manifest.resize}"),
        ("classes", str(len(manifest.class_names))),
        ("mean", ", ".join(f"{v:.4f}" for v in manifest.mean)),
        ("std", ", ".join(f"{v:.4f}" for v in manifest.std)),
        ("source", manifest.source),
        ("licence", manifest.licence),
        ("excluded", _excluded(path, manifest)),
        ("digest", manifest.digest),
    ):
        grid.add_row(Text(key, style="dim"), Text(value, overflow="fold"))
    return grid


def _excluded(path: Path, manifest: Manifest) -> str:
    found = plural(manifest.excluded, "image")
    return f"{found}, listed in {path / 'excluded.tsv'}" if manifest.excluded else found


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
