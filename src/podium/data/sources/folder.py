"""A folder of class folders, with or without a level of splits above them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

import numpy as np

from podium.data.importing.listing import Ignored, Listing, Part
from podium.data.manifest import problem_with_names
from podium.data.sources.files import FilesPart, printable
from podium.data.sources.folder_levels import refuse_same_folders
from podium.data.sources.labels import normal_name
from podium.errors import DataError
from podium.results import SplitName

SPLIT_NAMES: Final[Mapping[str, SplitName]] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""What folders and tables call the splits, in lower case."""
SUFFIXES: Final = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".ico", ".tga"),
    }
)
_SHOWN: Final = 8


def list_folder(root: Path) -> Listing:
    """List the images of ``root/CLASS/…`` or ``root/SPLIT/CLASS/…``.

    A folder called ``train`` says that the first level is splits. Classes are the sorted names of the class folders of
    train; images lie anywhere below. Links are followed, each folder once. Hidden files, files without an image's
    suffix and what is no regular file are ignored and told.

    Raises:
        DataError: No such folder, one that cannot be read, no or too few classes, a class without images, classes
            in validation or test that train does not have, or class folders that hold the same folders.
    """
    walk = _Walk(root)
    top = walk.folders("")
    splits = [name for name in top if name.lower() in SPLIT_NAMES]
    if any(SPLIT_NAMES[name.lower()] == "train" for name in splits):
        levels = _split_level(root, top, walk)
    elif top and len(splits) == len(top):
        raise DataError(f"{root}: holds {', '.join(map(repr, splits))} but no 'train'", remedy="add a folder 'train'")
    else:
        levels = {"train": ""}
    classes = {split: _classes(walk, level, root) for split, level in levels.items()}
    names = tuple(sorted(classes["train"]))
    if problem := problem_with_names(names):
        inner = _meant(walk, classes["train"], root)
        raise DataError(
            f"{root / levels['train']}: {problem}{inner}",
            remedy="give one folder of images for each class (ROOT/CLASS/IMAGE)",
        )
    parts: dict[SplitName, Sequence[Part]] = {}
    for split, found in classes.items():
        if unknown := sorted(set(found) - set(names)):
            raise DataError(
                f"{root / levels[split]}: classes that train does not have: {', '.join(map(repr, unknown[:_SHOWN]))}",
                remedy="name the class folders alike in all splits, or add their images to train",
            )
        parts[split] = [_part(root, walk, names, levels[split], found, required=split == "train")]
    return Listing(names, parts, f"folder: {printable(root.resolve().name)}", walk.ignored)


def _split_level(root: Path, top: Sequence[str], walk: _Walk) -> dict[SplitName, str]:
    levels: dict[SplitName, str] = {}
    for name in top:
        split = SPLIT_NAMES.get(name.lower())
        if split is None:
            if any(True for _ in walk.images(name)):
                raise DataError(
                    f"{root}: {name!r} stands beside 'train' and is no split",
                    remedy="keep only train, validation and test there, or put all class folders into a folder 'train'",
                )
            continue
        if split in levels:
            raise DataError(f"{root}: {levels[split]!r} and {name!r} are one split", remedy="merge the two folders")
        levels[split] = name
    return {split: levels[split] for split in ("train", "validation", "test") if split in levels}


def _classes(walk: _Walk, level: str, root: Path) -> dict[str, str]:
    """Class names to their folders, relative to the root."""
    found: dict[str, str] = {}
    for folder in walk.folders(level):
        name = normal_name(folder)
        if not name.isprintable():
            raise DataError(f"{root / level}: {folder!r} cannot be a class name", remedy="rename the folder")
        if name in found:
            raise DataError(
                f"{root / level}: {folder!r} and {os.path.basename(found[name])!r} are the same class name"
                " (blanks around it and Unicode forms make no difference)",
                remedy="merge or rename the two folders",
            )
        found[name] = os.path.join(level, folder)
    return found


def _part(
    root: Path, walk: _Walk, names: Sequence[str], level: str, folders: Mapping[str, str], *, required: bool
) -> Part:
    files: list[str] = []
    counts = []
    for name in names:
        before = len(files)
        if name in folders:
            files.extend(walk.images(folders[name]))
        counts.append(len(files) - before)
    empty = [name for name, count in zip(names, counts, strict=True) if not count]
    if (empty and required) or not files:
        inner = _meant(walk, {name: folders[name] for name in names if name not in empty and name in folders}, root)
        raise DataError(
            f"{root}: no image in the folder of class {', '.join(map(repr, empty[:_SHOWN])) or 'any class'}{inner}",
            remedy="add images (.jpg, .png, .webp, .bmp, .gif, .tiff, …) or remove the folder",
        )
    ends = np.cumsum([0, *counts])
    own = ((folders[name], files[ends[i] : ends[i + 1]]) for i, name in enumerate(names) if counts[i])
    refuse_same_folders(root, level, own)
    return FilesPart(root.absolute(), files, np.repeat(np.arange(len(names), dtype=np.int64), counts))


def _meant(walk: _Walk, folders: Mapping[str, str], root: Path) -> str:
    """Words for the case that the class folders lie one level deeper: in the only folder that has images."""
    if len(folders) != 1:
        return ""
    (outer,) = folders.values()
    inner = walk.folders(outer)
    if len(inner) < 2 and not any(name.lower() in SPLIT_NAMES for name in inner):
        return ""
    some = ", ".join(map(repr, inner[:_SHOWN])) + (" …" if len(inner) > _SHOWN else "")
    return f"; is {printable(str(root / outer))} meant? It holds folders itself: {some}"


class _Walk:
    """Goes through folders in the order of their names, each folder once, and notes what it leaves out."""

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._seen: dict[tuple[int, int], str] = {}
        self._ignored: dict[str, Ignored] = {}  # a level may be looked at twice, each file is told once

    @property
    def ignored(self) -> tuple[Ignored, ...]:
        """What was left out, each once, in the order of finding."""
        return tuple(self._ignored.values())

    def folders(self, level: str) -> list[str]:
        """Names of the folders directly in ``level``; files there are ignored, since they have no class."""
        names = []
        for entry in self._entries(level):
            if _is_folder(entry):
                if not self._hidden(level, entry.name):
                    names.append(entry.name)
            else:
                self._ignore(level, entry.name, "not in the folder of a class")
        return names

    def images(self, folder: str) -> Iterator[str]:
        """Yield the image files anywhere below ``folder``, relative to the root."""
        pending = [folder]
        while pending:
            current = pending.pop()
            if not self._enter(current):
                continue
            below = []
            for entry in self._entries(current):
                if self._hidden(current, entry.name):
                    continue
                try:
                    status = entry.stat()
                except OSError as error:  # a broken link, a link to itself: read later, and told as a bad image then
                    if not entry.is_symlink():
                        _fail(entry.path, error)
                    status = None
                if status and stat.S_ISDIR(status.st_mode):
                    below.append(os.path.join(current, entry.name))
                elif status and not stat.S_ISREG(status.st_mode):
                    self._ignore(current, entry.name, "is not a regular file")
                elif os.path.splitext(entry.name)[1].lower() not in SUFFIXES:
                    self._ignore(current, entry.name, "not an image by its name")
                else:
                    yield os.path.join(current, entry.name)
            pending.extend(reversed(below))

    def _enter(self, folder: str) -> bool:
        """Whether the folder was not seen before: a link may lead back to where it came from."""
        path = os.path.join(self._root, folder) if folder else self._root
        try:
            status = os.stat(path)
        except OSError as error:
            _fail(path, error)
        first = self._seen.setdefault((status.st_dev, status.st_ino), folder)
        if first != folder:
            self._ignore("", folder, f"a link to a folder that is already read: {printable(first)}")
        return first == folder

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        path = os.path.join(self._root, folder) if folder else self._root
        try:
            with os.scandir(path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            _fail(path, error)

    def _hidden(self, folder: str, name: str) -> bool:
        if name.startswith("."):
            self._ignore(folder, name, "hidden")
        return name.startswith(".")

    def _ignore(self, folder: str, name: str, reason: str) -> None:
        file = os.path.join(folder, name)
        self._ignored.setdefault(file, Ignored(printable(file), reason))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _fail(path: str, error: OSError) -> NoReturn:
    raise DataError(
        f"{printable(path)}: cannot be read ({error.strerror})", remedy="give a folder that you may read"
    ) from None
