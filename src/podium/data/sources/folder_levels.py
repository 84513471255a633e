"""Whether the first level of a folder is what it is taken for: the classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from podium.data.sources.files import printable
from podium.errors import DataError

_SHOWN: Final = 8


def refuse_same_folders(root: Path, level: str, classes: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Refuse class folders that hold the same folders in place of images: ``siteA/cat``, ``siteA/dog``, ``siteB/cat``.

    As in torchvision's ImageFolder the first level is the classes and images lie anywhere below. But where no class
    folder has an image of its own, there are two names of sub-folders or more, at least half of them stand in several
    class folders, and each class folder has one of these, then almost certainly the sub-folders are the classes. Mere
    numbers are usually not (a folder for each video of a person): they have to be the same ones everywhere.

    Args:
        root: What is imported.
        level: The split's folder in it, or ``""``.
        classes: For each class its folder and its image files, relative to ``root``; a folder's own images come first.

    Raises:
        DataError: It is so. Names the folders and what to do.
    """
    inner: dict[str, set[str]] = {}
    for folder, files in classes:
        names = set()
        for file in files:
            name, below, _ = file[len(folder) + 1 :].partition("/")
            if not below:
                return
            names.add(name)
        inner[Path(folder).name] = names
    if not _crossed(list(inner.values())):
        return
    outer, shared = sorted(inner), [name for name, count in _counts(inner.values()).items() if count > 1]
    first, some = outer[0], min(shared)
    raise DataError(
        f"{printable(str(root / level))}: {_listed(outer)} would be the classes, but they hold folders of the same"
        f" names: {_listed(sorted(shared))}",
        remedy=f"if {some!r} is a class, put it first ({some}/{first}/IMAGE), or import one of {_listed(outer)} alone;"
        " if not, put the images of each class directly into its folder; or list files and labels in a table"
        " (`podium data import table`), which can name a group for each image, too",
    )


def _crossed(inner: Sequence[set[str]]) -> bool:
    counts = _counts(inner)
    if len(inner) < 2 or len(counts) < 2:
        return False
    if all(name.isdecimal() for name in counts):
        return all(names == inner[0] for names in inner)
    shared = {name for name, count in counts.items() if count > 1}
    return 2 * len(shared) >= len(counts) and all(names & shared for names in inner)


def _counts(inner: Iterable[set[str]]) -> Counter[str]:
    return Counter(name for names in inner for name in names)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(printable(name)) for name in names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
