"""``podium weights``: pretrained weights on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from podium.models.weights_check import Listed

app = typer.Typer(no_args_is_help=True, help="Fetch, list and check pretrained weights.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def weights() -> None:
    """Fetch, list and check pretrained weights."""


@app.command("fetch")
def fetch_command(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="As timm names them, such as mobilenetv2_100.ra_in1k.")
    ],
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False, help="Write them to this folder instead, to be copied elsewhere."),
    ] = None,
) -> None:
    """Fetch published weights; those that are there undamaged are left alone.

    A run fetches by itself what its candidates need, if it can; this is for machines that have no access, and for
    looking at the licence first.
    """
    from podium.models.hub import fetch, published
    from podium.settings import Settings

    folder = to or Settings.from_environment().fetched_weights
    for name in names:  # a wrong name is told before anything is fetched
        published(name)
    for name in names:
        provenance = fetch(name, folder)
        file = folder / f"{name}.safetensors"
        typer.echo(f"{name}  {_size(file.stat().st_size)}  licence: {provenance.licence}  {file}")


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """List the weights on this machine: of PODIUM_WEIGHTS, those that come with Podium, and fetched ones."""
    from podium.models.places import weights_store
    from podium.models.weights_check import list_weights
    from podium.settings import Settings

    found = list_weights(weights_store(Settings.from_environment()))
    if as_json:
        typer.echo(json.dumps([_row(item) for item in found], indent=2))
        return
    _print(found)


@app.command("verify")
def verify(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", exists=True, file_okay=False, help="Without it, all places are checked."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every file: provenance, SHA-256, tensors, and the shapes that the network needs.

    Exit status: 0 all is well, 1 not so; all problems are told.
    """
    from podium.errors import WeightsError
    from podium.models.places import weights_store
    from podium.models.weights_check import verify_folder
    from podium.settings import Settings

    places = weights_store(Settings.from_environment()).places()
    of_places = [place.folder for place in places if place.kind == "user" or place.folder.is_dir()]
    folders = [folder] if folder else of_places
    checked = {file: problems for each in folders for file, problems in verify_folder(each).items()}
    if not checked:
        raise WeightsError(f"{', '.join(map(str, folders))}: holds no weights", remedy="name a folder of weights")
    bad = sum(bool(problems) for problems in checked.values())
    if as_json:
        rows = [{"file": str(file), "problems": problems} for file, problems in checked.items()]
        typer.echo(json.dumps({"passed": not bad, "files": rows}, indent=2))
    else:
        for file, problems in checked.items():
            typer.echo(f"{file}: {'; '.join(problems) or 'ok'}")
        typer.echo(f"{len(checked)} files checked, {bad} with problems")
    if bad:
        raise typer.Exit(1)


def _row(item: Listed) -> dict[str, Any]:
    provenance = item.provenance
    return {
        "name": item.name,
        "place": item.place.kind,
        "folder": str(item.place.folder),
        "used": item.used,
        "bytes": item.size,
        "licence": provenance.licence if provenance else None,
        "input_size": list(provenance.input_size) if provenance else None,
        "source_data": provenance.source_data if provenance else None,
        "architecture": provenance.architecture if provenance else None,
        "source": provenance.source if provenance else None,
        "sha256": provenance.sha256 if provenance else None,
        "problem": item.problem,
    }


def _print(found: list[Listed]) -> None:
    """A block for each: names and licences are too long for columns. What comes from files is no markup."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    for item in found:
        heading = Text(item.name, "bold" if item.used else "dim")
        heading.append(f"  {item.place.kind}, {_size(item.size)}", "not bold")
        if not item.used:
            heading.append(", not used", "yellow")
        console.print(heading)
        if item.provenance is None:
            console.print(Padding(Text(item.problem or "", "red"), (0, 0, 0, 2), expand=False))
            continue
        height, width = item.provenance.input_size
        lines = (f"{height}×{width}, {item.provenance.source_data}", f"licence: {item.provenance.licence}")
        for line in lines:
            console.print(Padding(Text(line), (0, 0, 0, 2), expand=False))


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
