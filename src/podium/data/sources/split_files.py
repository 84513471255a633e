"""Which split a file is of by its name, as data sets of the Hugging Face hub and WebDataset shards are named."""

from __future__ import annotations

import glob
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from podium.data.sources.folder import SPLIT_NAMES
from podium.errors import DataError
from podium.results import SplitName

_SPLITS: Final[tuple[SplitName, ...]] = get_args(SplitName)
_WORDS: Final = re.compile(r"[^\W\d_]+")
_SHOWN: Final = 5


@dataclass(frozen=True)
class FileKind:
    """The files of a source."""

    source: str
    """Its command."""
    suffixes: tuple[str, ...]
    matching: Callable[[str], list[Path]]
    """The files that a pattern stands for."""


def _matching(pattern: str) -> list[Path]:
    return sorted(map(Path, glob.glob(pattern))) if glob.has_magic(pattern) else [Path(pattern)]


PARQUET: Final = FileKind("parquet", (".parquet",), _matching)


def split_of(name: str) -> SplitName | None:
    """The split that stands in a name as a word (``train-00000-of-00004.parquet``, ``cifar10-val-000.tar``).

    None if there is none or more than one.
    """
    found = {SPLIT_NAMES[word] for word in _WORDS.findall(name.lower()) if word in SPLIT_NAMES}
    return found.pop() if len(found) == 1 else None


def sort_by_name(paths: Sequence[Path], kind: FileKind) -> dict[SplitName, list[Path]]:
    """Divide files by the splits that they are named for; all are of train if none is named for any.

    Args:
        paths: Files, patterns, or folders: those of a folder are its files of this kind, or else those in its folder
            ``data``, in its folders ``train``, ``test``, … or in the only other one that has some.
        kind: Of the files.

    Returns:
        The files of each split, ``train`` at least, in the order of their names within a folder.

    Raises:
        DataError: A folder has no such file; only some files are named for a split, or none for train.
    """
    files: list[Path] = []
    splits: list[SplitName | None] = []
    for path in paths:
        for file in _below(path, kind) if path.is_dir() else files_of(path, kind):
            files.append(file)
            within = file.parent.name if path.is_dir() and file.parent != path else ""
            splits.append(split_of(file.name) or split_of(within))
    if not any(splits):
        return {"train": files}
    command = f"podium data import {kind.source} --train FILE --test FILE"
    if unnamed := [file for file, split in zip(files, splits, strict=True) if split is None]:
        raise DataError(
            f"{unnamed[0]}: its name does not say of which split it is, unlike those of others{_others(unnamed)}",
            remedy=f"name the files of each split (`{command}`), or rename or remove this one",
        )
    found = {split: [file for file, own in zip(files, splits, strict=True) if own == split] for split in _SPLITS}
    if not found["train"]:
        raise DataError(
            f"{files[0]}: no file is named for the train split{_others(files)}",
            remedy=f"say which are the training images: `podium data import {kind.source} --train"
            f" {shlex.quote(str(files[0]))}`",
        )
    return {split: own for split, own in found.items() if own}


def expand(given: Mapping[SplitName, Sequence[Path]], kind: FileKind) -> dict[SplitName, list[Path]]:
    """Replace folders and patterns by the files that they stand for. A file named itself is taken as it is said.

    Raises:
        DataError: There is no such file, or a folder given for one split has files named for another.
    """
    return {split: [file for path in paths for file in _of_split(path, split, kind)] for split, paths in given.items()}


def _of_split(path: Path, split: SplitName, kind: FileKind) -> list[Path]:
    found = files_of(path, kind)
    if found == [path]:
        return found
    named = {split_of(file.name) for file in found} - {None}
    if (path.is_dir() and named - {split}) or len(named) > 1:
        other = next(file for file in found if split_of(file.name) not in (None, split))
        place = shlex.quote(str(path))
        raise DataError(
            f"{path}: given for {split}, but {other.name} in it is named for {split_of(other.name)}",
            remedy=f"`podium data import {kind.source} {place}` takes each file for the split it is named for; or give"
            f" --{split} the files themselves",
        )
    return found


def files_of(path: Path, kind: FileKind) -> list[Path]:
    """A file, those of a folder, or those that fit a pattern, in the order of their names.

    Raises:
        DataError: There is none.
    """
    found = _directly_in(path, kind) if path.is_dir() else [path] if path.exists() else kind.matching(str(path))
    if not found:
        raise DataError(
            f"{path}: no {kind.suffixes[0]} file there",
            remedy=f"name {kind.suffixes[0]} files, or a folder that has some",
        )
    return found


def refuse_repetition(given: Mapping[SplitName, Sequence[Path]]) -> None:
    """A file that is named twice would put the same images into two splits, or twice into one.

    Raises:
        DataError: There is such a file.
    """
    seen: dict[Path, str] = {}
    for split, files in given.items():
        for file in files:
            if (before := seen.setdefault(file.resolve(), split)) != split or files.count(file) > 1:
                raise DataError(
                    f"{file}: named for {before} and for {split}" if before != split else f"{file}: named twice",
                    remedy="name every file once; a folder stands for all files in it",
                )


def _below(folder: Path, kind: FileKind) -> list[Path]:
    """A folder's files, or those of the folders in it that belong together."""
    if direct := _directly_in(folder, kind):
        return direct
    inner = {place: _directly_in(place, kind) for place in sorted(folder.iterdir()) if place.is_dir()}
    inner = {place: files for place, files in inner.items() if files}
    data = inner.get(folder / "data")
    by_split = [file for place, files in inner.items() if place.name.lower() in SPLIT_NAMES for file in files]
    if data or by_split:
        return data or by_split
    if len(inner) > 1:
        names = ", ".join(repr(place.name) for place in list(inner)[:_SHOWN])
        raise DataError(
            f"{folder}: several folders with {kind.suffixes[0]} files, perhaps data sets of their own: {names}",
            remedy=f"name one of them: `podium data import {kind.source} {shlex.quote(str(next(iter(inner))))}`",
        )
    return next(iter(inner.values()), []) or files_of(folder, kind)


def _directly_in(folder: Path, kind: FileKind) -> list[Path]:
    entries = (entry for entry in folder.iterdir() if entry.name.lower().endswith(kind.suffixes))
    return sorted(entry for entry in entries if not entry.name.startswith(".") and entry.is_file())


def _others(files: Sequence[Path]) -> str:
    more = f" and {len(files) - _SHOWN:,} more" if len(files) > _SHOWN else ""
    return f" ({', '.join(file.name for file in files[:_SHOWN])}{more})" if len(files) > 1 else ""
