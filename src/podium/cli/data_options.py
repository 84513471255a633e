"""The options that every ``podium data import SOURCE`` has, and what it does with a listing. One place for all sources.

A source's command is a function of its own options alone that returns the data set's name, unless ``--name`` gives
another, and the listing::

    @import_command(app, "folder")
    def folder(path: Annotated[Path, typer.Argument(help="Folder of class folders.")]) -> tuple[str, Listing]:
        \"\"\"A folder with a folder of images for each class.\"\"\"
        from podium.data.sources.folder import list_folder

        return path.name, list_folder(path)

``import_command`` adds the common options (``_common``), shows the progress and ends as ``install_and_tell`` does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from podium.errors import DataError
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.data import Manifest
    from podium.data.importing import Listing

Target = Annotated[
    Path | None, typer.Option(help="Folder to write; the checkout's data/ unless given.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Replace a data set of other content.")]
NoDvc = Annotated[bool, typer.Option("--no-dvc", help="Don't have DVC record the checkout's data/.")]


MAX_SIDE: Final = 4096
"""Pixels a side of ``--size``: classifiers take far fewer, and blocks of images are held in memory."""


class _Resize(StrEnum):
    stretch = "stretch"
    crop = "crop"
    pad = "pad"


def _common(
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of the data set; that of the file or folder unless given.")
    ] = None,
    licence: Annotated[str, typer.Option(help="SPDX identifier or a sentence.")] = "unknown",
    target: Target = None,
    force: Force = False,
    no_dvc: NoDvc = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the splits that are drawn from train.")] = 0,
    validation_fraction: Annotated[float, typer.Option(help="Share of train, where validation is drawn.")] = 0.1,
    test_fraction: Annotated[float, typer.Option(help="Share of train, where test is drawn.")] = 0.1,
    size: Annotated[
        str | None, typer.Option(metavar="N|HxW", help="Height and width; the images' own one unless given.")
    ] = None,
    resize: Annotated[_Resize, typer.Option(help="How images are brought to --size.")] = _Resize.stretch,
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Remove images from train that also stand in validation or test.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out images that cannot be decoded; excluded.tsv lists them.")
    ] = False,
) -> None:
    """Only its signature matters."""


def import_command(
    app: typer.Typer, command: str
) -> Callable[[Callable[..., tuple[str, Listing]]], Callable[..., None]]:
    """Make a command of a function that returns a name and a listing (see above)."""

    def decorate(lister: Callable[..., tuple[str, Listing]]) -> Callable[..., None]:
        lister.__annotations__.pop("return", None)  # names what is imported for type checkers only
        own = inspect.signature(lister, eval_str=True).parameters
        common = inspect.signature(_common, eval_str=True).parameters

        def run(**given: Any) -> None:
            chosen = {key: given.pop(key) for key in common}
            chosen["size"] = parse_size(chosen["size"])
            _check_shares(chosen)
            try:
                _import(lambda: lister(**given), chosen)
            except KeyboardInterrupt:
                typer.echo("stopped; run the same command again to go on", err=True)
                raise typer.Exit(130) from None

        parameters = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own.values(), *common.values())
        ]
        run.__name__, run.__doc__ = lister.__name__, lister.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(command)(run)
        return run

    return decorate


def _import(lister: Callable[[], tuple[str, Listing]], chosen: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from podium.data.importing import ImportOptions, import_images

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking at the files", total=None)
        phases: dict[str, Any] = {}

        def tell(phase: str, done: int, total: int) -> None:
            if phase not in phases:  # a task of its own, so that the time that remains is that of this phase
                bar.remove_task(phases.popitem()[1] if phases else task)
                phases[phase] = bar.add_task(phase, total=total)
            bar.update(phases[phase], completed=done, total=total)

        default, listing = lister()
        options = ImportOptions(
            name=chosen["name"] or default,
            licence=chosen["licence"],
            size=chosen["size"],
            resize=chosen["resize"].value,
            seed=chosen["seed"],
            validation_fraction=chosen["validation_fraction"],
            test_fraction=chosen["test_fraction"],
            duplicates="drop" if chosen["drop_duplicates"] else "keep",
            on_bad="skip" if chosen["skip_bad"] else "refuse",
        )
        _tell_ignored(listing)
        install_and_tell(
            chosen["target"],
            lambda folder: import_images(listing, options, folder, tell),
            name=options.name,
            force=chosen["force"],
            dvc=not chosen["no_dvc"],
        )


def install_and_tell(
    target: Path | None,
    importer: Callable[[Path], Manifest],
    *,
    name: str,
    force: bool,
    dvc: bool = True,
    source: str | None = None,
) -> None:
    """Run an importer, put the data set in place, have DVC record it if it is the checkout's, and say what is there.

    ``source`` names the embedded source that the importer is.
    """
    from podium.data.dvc import tracking
    from podium.data.importing import install

    settings = Settings.from_environment()
    target = target or settings.data
    manifest, outcome = install(target, importer, name=name, force=force)
    counts = ", ".join(f"{info.count:,} {split}" for split, info in manifest.splits.items())
    what = "already there, unchanged" if outcome == "unchanged" else outcome
    typer.echo(f"{target}: {manifest.name}, {len(manifest.class_names)} classes, {counts}; {what}")
    if manifest.excluded:
        typer.echo(f"{manifest.excluded:,} images were left out; {target / 'excluded.tsv'} lists them")
    typer.echo(f"digest {manifest.digest}")
    if target.absolute() == settings.data and dvc:
        typer.echo(tracking(settings.data, settings.root / "data.dvc", manifest.digest, source=source))


def _tell_ignored(listing: Listing) -> None:
    if listing.ignored:
        some = "; ".join(f"{one.name} ({one.reason})" for one in listing.ignored[:5])
        more = " …" if len(listing.ignored) > 5 else ""
        typer.echo(f"{len(listing.ignored):,} files are not imported: {some}{more}", err=True)


def parse_size(text: str | None) -> tuple[int, int] | None:
    """``32`` and ``32x48`` to height and width. Raises DataError for anything else."""
    if text is None:
        return None
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) in (1, 2) and all(part.isdecimal() and int(part) > 0 for part in parts):
        height, width = int(parts[0]), int(parts[-1])
        if max(height, width) > MAX_SIDE:
            raise DataError(f"--size {text}: more than {MAX_SIDE:,} pixels a side", remedy="give a smaller size")
        return height, width
    raise DataError(f"--size {text}: not a size", remedy="give one number of pixels, or height and width as 32x48")


def _check_shares(chosen: dict[str, Any]) -> None:
    shares = chosen["validation_fraction"], chosen["test_fraction"]
    if not all(0 < share < 1 for share in shares) or sum(shares) >= 1:
        raise DataError(
            f"--validation-fraction {shares[0]} and --test-fraction {shares[1]}: not shares that leave some for train",
            remedy="give two numbers above 0 that add up to less than 1",
        )


def read_names(file: Path | None) -> list[str] | None:
    """Read class names in label order, one a line. Raises DataError if that cannot be."""
    if file is None:
        return None
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: {error}", remedy="give a UTF-8 text file with one class name a line") from None
