"""The files of ``podium data import parquet`` and ``webdataset``: PATH, or an option for each split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from podium.errors import ConfigError

if TYPE_CHECKING:
    from podium.data.sources.split_files import FileKind
    from podium.results import SplitName


def choose_files(
    kind: FileKind,
    paths: Sequence[Path] | None,
    train: Sequence[Path] | None,
    validation: Sequence[Path] | None,
    test: Sequence[Path] | None,
) -> tuple[str, dict[SplitName, Sequence[Path]]]:
    """Return the name of the data set, after the first folder or file, and the files of each split.

    Args:
        kind: Of the files.
        paths: Files, folders or patterns; the names of the files tell the splits.
        train: As ``--train`` says.
        validation: As ``--validation`` says.
        test: As ``--test`` says.

    Raises:
        ConfigError: Both or neither are given.
        DataError: The names of the files do not tell the splits.
    """
    from podium.data.sources.split_files import sort_by_name

    given: dict[SplitName, Sequence[Path]] = {
        "train": train or (),
        "validation": validation or (),
        "test": test or (),
    }
    if paths and any(given.values()):
        raise ConfigError(
            f"{paths[0]}: named without an option, beside {' and '.join(f'--{s}' for s, own in given.items() if own)}",
            remedy="give either PATH or an option for each split, with a pattern in quotes or the option before each"
            " file (--train A --train B)",
        )
    if paths:
        return _name(paths[0], kind), given | sort_by_name(paths, kind)
    if not train:
        raise ConfigError(
            "no files of the training split",
            remedy=f"`podium data import {kind.source} FOLDER` takes the splits from the files' names; or name the"
            " files with --train",
        )
    return _name(train[0], kind), given


def _name(path: Path, kind: FileKind) -> str:
    from podium.data.sources.naming import name_of_file, name_of_folder
    from podium.data.sources.split_files import files_of

    return name_of_folder(path) if path.is_dir() else name_of_file(files_of(path, kind)[0], kind.suffixes)
