"""What a data set is called that was imported from files: not ``train-00000-of-00001``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from podium.data.sources.files import printable
from podium.data.sources.folder import SPLIT_NAMES

_GENERIC: Final = frozenset({*SPLIT_NAMES, "", "data", "dataset", "default", "images", "part", "plain_text", "shard"})
"""What says nothing about the images; ``default`` and ``plain_text`` are what the Hugging Face hub calls folders."""
_BETWEEN: Final = r"[-_. ]+"
_SPLITS: Final = "|".join(SPLIT_NAMES)
_OF: Final = re.compile(r"(^|[-_. ])\d+-of-\d+(-[0-9a-f]+)?$")
_TAIL: Final = re.compile(rf"(^|{_BETWEEN})(({_SPLITS})([-_. ]*\d+)?|0\d*|\d{{5,}}|part|shard)$", re.IGNORECASE)
_HEAD: Final = re.compile(rf"^({_SPLITS}){_BETWEEN}", re.IGNORECASE)


def name_of_file(file: Path, suffixes: Sequence[str]) -> str:
    """The file's name without its ending, its split and its number as a shard; the folder's if nothing is left of it.

    A number is that of a shard if it begins with 0, has five digits or follows a split: ``cifar-10`` keeps its own.
    """
    ending = next((suffix for suffix in suffixes if file.name.lower().endswith(suffix)), "")
    whole = file.name[: len(file.name) - len(ending)]
    name = _OF.sub("", whole)
    while (shorter := _HEAD.sub("", _TAIL.sub("", name))) != name:
        name = shorter
    return printable(name) if name.lower() not in _GENERIC else name_of_folder(file.parent, otherwise=whole)


def name_of_folder(folder: Path, *, otherwise: str = "") -> str:
    """The folder's name, or that of the folder which it is ``data``, ``train`` or the like of."""
    place = folder.resolve()
    for outer in (place, *place.parents):
        if outer.name.lower() not in _GENERIC:
            return printable(outer.name)
    return printable(otherwise or place.name)
