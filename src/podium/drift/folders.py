"""Image files below a folder: with labels where the folders are called like the classes of the reference."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.importing.listing import Row
from podium.data.sources.files import FilesPart, printable
from podium.data.sources.folder import SPLIT_NAMES, SUFFIXES
from podium.data.sources.labels import normal_name
from podium.errors import DataError
from podium.report.text import listing, plural

_BATCH: Final = 256
_SHOWN: Final = 5


@dataclass(frozen=True)
class FilesPopulation:
    """Image files below a folder."""

    title: str
    root: Path
    names: Sequence[str]
    class_names: tuple[str, ...] | None = None
    labels: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()
    digest: None = None
    splits: tuple[str, ...] = ()
    size: None = None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, indices: NDArray[np.int64]) -> Iterator[tuple[str, Row]]:
        """Yield contents; only the files that are asked for are opened."""
        wanted = [self.names[i] for i in indices]
        part = FilesPart(self.root, wanted, np.zeros(len(wanted), np.int64))
        rows = (row for batch in part.rows(0, _BATCH) for row in batch)
        yield from zip(map(printable, wanted), rows, strict=True)


def files_population(title: str, root: Path, classes: Sequence[str] | None = None) -> FilesPopulation:
    """All image files below a folder, by the suffixes of their names; hidden ones and linked folders are left out.

    Args:
        title: As it was given.
        root: The folder.
        classes: Of the reference, if it has labels. Where folders (below ``root``, or below ``root/SPLIT``) are called
            so and hold all the images, they are the labels; other folders beside them are taken for new classes.

    Raises:
        DataError: There is no image.
    """
    names = []
    for folder, below, files in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                names.append(os.path.relpath(os.path.join(folder, name), root))
    if not names:
        raise DataError(
            f"{printable(str(root))}: no images there",
            remedy="name a data set, a folder with image files, or a parquet file",
        )
    return _labelled(title, root, names, classes) if classes else FilesPopulation(title, root, names)


def _labelled(title: str, root: Path, names: Sequence[str], classes: Sequence[str]) -> FilesPopulation:
    """Take folders for labels, or say why not."""
    folders = [_class_folder(name, classes) for name in names]
    given = tuple(sorted({folder for folder in folders if folder is not None}))
    shown = printable(title)
    if not set(given) & set(classes):
        note = f"{shown}: no folder is called like a class of the reference ({_some(classes)}), so there are no labels."
        return FilesPopulation(title, root, names, notes=(note,) if given else ())
    if loose := [name for name, folder in zip(names, folders, strict=True) if folder is None]:
        note = (
            f"{shown}: {plural(len(loose), 'image')} such as {printable(loose[0])} {_stand(len(loose))} in no folder of"
            " a class, so there are no labels."
        )
        return FilesPopulation(title, root, names, notes=(note,))
    notes = [f"{shown}: the names of its folders are the labels."]
    if unknown := [name for name in given if name not in set(classes)]:
        verb = "is no class" if len(unknown) == 1 else "are no classes"
        notes.append(f"{shown}: {_some(unknown)} {verb} of the reference and counted as new ones.")
    labels = np.searchsorted(np.array(given), np.array(folders)).astype(np.int64)
    return FilesPopulation(title, root, names, given, labels, tuple(notes))


def _class_folder(name: str, classes: Sequence[str]) -> str | None:
    """The folder of a file that may be its class: the first, or the one below a split's; None if there is none."""
    folders = [printable(normal_name(folder)) for folder in name.split(os.sep)[:-1]]
    if folders and folders[0] not in classes and folders[0].lower() in SPLIT_NAMES:
        del folders[0]
    return folders[0] if folders else None


def _stand(number: int) -> str:
    return "stands" if number == 1 else "stand"


def _some(names: Sequence[str]) -> str:
    more = [f"{len(names) - _SHOWN:,} more"] if len(names) > _SHOWN else []
    return listing([*names[:_SHOWN], *more])
