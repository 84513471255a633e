"""``podium data import`` of CIFAR, folders, tables, arrays and WebDataset shards."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli.data_files import choose_files
from podium.cli.data_options import Progress, import_command, read_names
from podium.errors import ConfigError
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.data.importing import Listing

Classes = Annotated[
    Path | None, typer.Option(help="Text file of class names in label order, one a line; else from the labels.")
]


class _Labels(StrEnum):
    fine = "fine"
    coarse = "coarse"


def register(app: typer.Typer) -> None:
    """Add the commands to ``podium data import``."""
    for command in (cifar, folder, table, arrays, webdataset):
        import_command(app, command.__name__)(command)


def cifar(
    source: Annotated[
        str,
        typer.Argument(help="Archive (.tar.gz, Python or binary) or extracted folder; or cifar10, cifar100: fetch it."),
    ],
    labels: Annotated[_Labels, typer.Option(help="CIFAR-100's 100 classes, or the 20 above them.")] = _Labels.fine,
    url: Annotated[str | None, typer.Option(help="Of a mirror to fetch from; its authors' unless given.")] = None,
    md5: Annotated[str | None, typer.Option(help="Of the archive, in place of the published one.")] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Do not compare a local archive's MD5.")] = False,
    *,
    tell: Progress,
) -> tuple[str, Listing]:
    """CIFAR-10 and CIFAR-100 as their authors publish them: the archives for Python and the binary ones."""
    from podium.data.sources.cifar import list_cifar
    from podium.data.sources.cifar_download import NAMES, download_cifar

    path = Path(source)
    if source in NAMES and not path.exists():
        path = download_cifar(source, Settings.from_environment().state / "downloads", url=url, md5=md5, progress=tell)
    elif url:
        raise ConfigError(
            f"--url {url}: {source} is no name to fetch", remedy=f"name {' or '.join(NAMES)} as the source"
        )
    listing = list_cifar(path, labels=labels.value, md5=md5, check=not no_check)
    return listing.description.partition(":")[0].lower().replace("-", ""), listing


def folder(
    path: Annotated[Path, typer.Argument(help="ROOT/CLASS/IMAGE, or ROOT/train|valid|test/CLASS/IMAGE.")],
) -> tuple[str, Listing]:
    """A folder with a folder of images for each class, with or without a level of splits."""
    from podium.data.sources.files import printable
    from podium.data.sources.folder import list_folder

    return printable(path.resolve().name), list_folder(path)


def table(
    file: Annotated[Path, typer.Argument(help="CSV or TSV with the columns path,label[,split][,group].")],
    images: Annotated[
        Path | None, typer.Option(help="Folder that the paths are relative to; the table's own unless given.")
    ] = None,
    classes: Classes = None,
    path_column: Annotated[str | None, typer.Option(help="What the table calls the column 'path'.")] = None,
    label_column: Annotated[str | None, typer.Option(help="What it calls the column 'label'.")] = None,
    split_column: Annotated[str | None, typer.Option(help="What it calls 'split' (train, validation, test).")] = None,
    group_column: Annotated[
        str | None,
        typer.Option(help="What it calls 'group': all images of a patient, a video, … go into one drawn split."),
    ] = None,
) -> tuple[str, Listing]:
    """A table of image files and labels."""
    from podium.data.sources.files import printable
    from podium.data.sources.table import list_table

    given = {"path": path_column, "label": label_column, "split": split_column, "group": group_column}
    columns = {kind: name for kind, name in given.items() if name is not None}
    listing = list_table(file, images=images, class_names=read_names(classes), columns=columns)
    return printable(file.stem), listing


def arrays(
    train: Annotated[Path, typer.Argument(help=".npz of images and labels (of one or all splits), or .npy of images.")],
    labels: Annotated[Path | None, typer.Option(help=".npy of the labels, unless they are in the .npz.")] = None,
    validation: Annotated[Path | None, typer.Option(help="As the argument, of the validation split.")] = None,
    validation_labels: Annotated[Path | None, typer.Option(help="As --labels, of the validation split.")] = None,
    test: Annotated[Path | None, typer.Option(help="As the argument, of the test split.")] = None,
    test_labels: Annotated[Path | None, typer.Option(help="As --labels, of the test split.")] = None,
    classes: Classes = None,
) -> tuple[str, Listing]:
    """Arrays of NumPy: uint8 images N×H×W×3 or N×H×W, and labels."""
    from podium.data.sources.arrays import list_arrays
    from podium.data.sources.files import printable
    from podium.results import SplitName

    files: dict[SplitName, tuple[Path, Path | None]] = {"train": (train, labels)}
    if validation:
        files["validation"] = validation, validation_labels
    if test:
        files["test"] = test, test_labels
    return printable(train.stem), list_arrays(files, class_names=read_names(classes))


def webdataset(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Shards, or a folder of them, whose names say train, val or test."),
    ] = None,
    train: Annotated[
        list[Path] | None,
        typer.Option(help="In place of PATH: folder or shards of the training split, 'a-{000..009}.tar', 'a-*.tar'."),
    ] = None,
    validation: Annotated[
        list[Path] | None, typer.Option(help="As --train, of the validation split; else drawn.")
    ] = None,
    test: Annotated[list[Path] | None, typer.Option(help="As --train, of the test split; else drawn.")] = None,
    label_key: Annotated[
        str | None, typer.Option(help="Of the .json members; label, cls or class unless given.")
    ] = None,
    classes: Classes = None,
) -> tuple[str, Listing]:
    """WebDataset tar shards: KEY.jpg (or .png, …) with KEY.cls or KEY.json."""
    from podium.data.sources.shards import SHARDS
    from podium.data.sources.webdataset import list_webdataset

    name, files = choose_files(SHARDS, paths, train, validation, test)
    shards = {split: [str(file) for file in own] for split, own in files.items()}
    return name, list_webdataset(shards, class_names=read_names(classes), label_key=label_key)
