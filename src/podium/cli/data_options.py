"""The options that every ``podium data import SOURCE`` has, and what it does with a listing. One place for all sources.

A source's command is a function of its own options alone that returns the data set's name, unless ``--name`` gives
another, and the listing::

    @import_command(app, "folder")
    def folder(path: Annotated[Path, typer.Argument(help="Folder of class folders.")]) -> tuple[str, Listing]:
        \"\"\"A folder with a folder of images for each class.\"\"\"
        from podium.data.sources.folder import list_folder

        return path.name, list_folder(path)

``import_command`` adds the common options (``_common``), shows the progress and ends as ``install_and_tell`` does. A
parameter annotated ``Progress`` is no option: it gets what shows the progress of the listing (a download).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli.data_policy import ImportPolicy, choose_policy
from podium.config.base import MAX_SEED
from podium.errors import ConfigError, DataError
from podium.settings import Settings
from podium.wording import plural

if TYPE_CHECKING:
    from podium.data import Manifest
    from podium.data.importing import Listing

Target = Annotated[
    Path | None,
    typer.Option(help="Folder to write; that of --config, or else the checkout's data/.", show_default=False),
]
Config = Annotated[
    Path | None,
    typer.Option(help="Pipeline file that names folder, size and resize policy of its data.", show_default=False),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a data set of other content.")]
NoDvc = Annotated[bool, typer.Option("--no-dvc", help="Don't have DVC record the checkout's data/.")]
Progress = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much."""


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
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Of the splits that are drawn from train.")] = 0,
    validation_fraction: Annotated[float, typer.Option(help="Share of train, where validation is drawn.")] = 0.1,
    test_fraction: Annotated[float, typer.Option(help="Share of train, where test is drawn.")] = 0.1,
    config: Config = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="N|HxW", help="Height and width; that of --config, or else the images' own one."),
    ] = None,
    resize: Annotated[
        _Resize | None,
        typer.Option(
            help="How images are brought to --size: cut what is too long, add black, or ignore the aspect ratio;"
            " that of --config, or else crop.",
            show_default=False,
        ),
    ] = None,
    drop_duplicates: Annotated[
        bool,
        typer.Option(
            "--drop-duplicates",
            help="Remove images from train and validation that also stand in a later split (train, validation, test).",
        ),
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
        own = dict(inspect.signature(lister, eval_str=True).parameters)
        told = [name for name, parameter in own.items() if parameter.annotation == Progress]
        for name in told:
            del own[name]
        common = inspect.signature(_common, eval_str=True).parameters

        def run(**given: Any) -> None:
            chosen = {key: given.pop(key) for key in common}
            if chosen["name"] is not None and not chosen["name"].strip():
                raise ConfigError("--name: is empty", remedy="give a name, or leave --name out")
            _check_shares(chosen)
            resize = chosen["resize"].value if chosen["resize"] else None
            settings = Settings.from_environment()
            policy = choose_policy(chosen["size"], resize, chosen["target"], chosen["config"], settings)
            try:
                _import(lambda tell: lister(**given, **dict.fromkeys(told, tell)), chosen, policy, command)
            except KeyboardInterrupt:
                _say_stopped(policy.target)
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


def _import(
    lister: Callable[[Progress], tuple[str, Listing]], chosen: dict[str, Any], policy: ImportPolicy, command: str
) -> None:
    from rich import progress
    from rich.console import Console

    from podium.data.importing import ImportOptions, import_images

    columns = (
        progress.TextColumn("{task.description}"), progress.BarColumn(), progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )  # fmt: skip
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking at the files", total=None)
        phases: dict[str, Any] = {}

        def tell(phase: str, done: int, total: int) -> None:
            if phase not in phases:  # a task of its own, so that the time that remains is that of this phase
                bar.remove_task(phases.popitem()[1] if phases else task)
                phases[phase] = bar.add_task(phase, total=total)
            bar.update(phases[phase], completed=done, total=total)

        default, listing = lister(tell)
        options = ImportOptions(
            name=chosen["name"] or default or command,
            licence=chosen["licence"],
            size=policy.size,
            resize=policy.resize,
            seed=chosen["seed"],
            validation_fraction=chosen["validation_fraction"],
            test_fraction=chosen["test_fraction"],
            duplicates="drop" if chosen["drop_duplicates"] else "keep",
            on_bad="skip" if chosen["skip_bad"] else "refuse",
        )
        _tell(listing)
        install_and_tell(
            policy.target,
            lambda folder: import_images(listing, options, folder, tell),
            name=options.name,
            force=chosen["force"],
            dvc=not chosen["no_dvc"],
        )


def install_and_tell(
    target: Path,
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
    manifest, outcome = install(target, importer, name=name, force=force)
    counts = ", ".join(f"{info.count:,} {split}" for split, info in manifest.splits.items())
    what = "already there, unchanged" if outcome == "unchanged" else outcome
    typer.echo(f"{target}: {manifest.name}, {len(manifest.class_names)} classes, {counts}; {what}")
    if manifest.excluded:
        verb = "was" if manifest.excluded == 1 else "were"
        typer.echo(f"{plural(manifest.excluded, 'image')} {verb} left out; {target / 'excluded.tsv'} lists them")
    typer.echo(f"digest {manifest.digest}")
    if target.absolute() == settings.data and dvc:
        typer.echo(tracking(settings.data, settings.root / "data.dvc", manifest.digest, source=source))


def _tell(listing: Listing) -> None:
    from podium.data.sources.labels import alike

    for note in (*listing.notes, *alike(listing.class_names)):
        typer.echo(note, err=True)
    if listing.ignored:
        some = "; ".join(f"{one.name} ({one.reason})" for one in listing.ignored[:5])
        more = " …" if len(listing.ignored) > 5 else ""
        verb = "is" if len(listing.ignored) == 1 else "are"
        typer.echo(f"{plural(len(listing.ignored), 'file')} {verb} not imported: {some}{more}", err=True)


def _say_stopped(target: Path) -> None:
    kept = target.parent / f".{target.name}.import"
    where = f"; {kept} keeps the images decoded so far" if kept.is_dir() else ""
    typer.echo(f"stopped{where}; run the same command again to go on", err=True)


def _check_shares(chosen: dict[str, Any]) -> None:
    shares = chosen["validation_fraction"], chosen["test_fraction"]
    if not all(0 < share < 1 for share in shares) or sum(shares) >= 1:
        raise ConfigError(
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
