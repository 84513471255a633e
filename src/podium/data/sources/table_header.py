"""The first line of a table: which columns are meant, and which are not used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from podium.errors import DataError

COLUMNS: Final = ("path", "label", "split", "group")
_OTHER_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "path": frozenset(
        ("file", "files", "filename", "file_name", "filepath", "file_path", "image", "images", "image_path", "img")
    ),
    "label": frozenset(("class", "classes", "class_name", "category", "target", "y")),
    "split": frozenset(("set", "subset", "fold", "partition", "phase", "is_train", "is_valid", "is_test")),
    "group": frozenset(("group_id", "groupid", "grp")),
}
"""What tables call the columns; a table that lacks one and has such a one instead is refused, never misread."""
_CLOSE: Final = 0.8
"""Ratio of ``difflib`` from which a name is taken for a misspelled one: ``lable``, ``splits``, ``gruop``."""
_BELONGING: Final = ("patient", "subject", "person", "participant", "slide", "video", "scene", "session", "burst")
_OWN_IDS: Final = ("image", "img", "file", "label", "class", "category", "row", "sample")
"""An id of the image or of its class says nothing of images that belong together."""
_SHOWN: Final = 12


def find_columns(
    file: Path, header: Sequence[str], called: Mapping[str, str]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Find the columns; blanks around names and capitals make no difference.

    Args:
        file: For the message.
        header: The cells of the first line.
        called: Of ``COLUMNS``, those that the table calls otherwise, with that name.

    Returns:
        The place of each column that is there, and sentences on those that are not used.

    Raises:
        DataError: A column is missing or stands twice, or another one seems to be meant for one that is not there.
    """
    names = [name.strip().lower() for name in header]
    wanted = {kind: called.get(kind, kind).strip().lower() for kind in COLUMNS}
    for kind, name in wanted.items():
        if names.count(name) > 1:
            raise DataError(f"{file}: column {name!r} stands twice", remedy="rename or remove one of the two")
        if name not in names and (kind in called or kind in COLUMNS[:2]):
            raise _missing(file, kind, name, names, wanted)
    where = {kind: names.index(name) for kind, name in wanted.items() if name in names}
    unused = [name for name in names if name and name not in wanted.values()]
    for kind in COLUMNS[2:]:
        if kind not in where and (meant := _meant(kind, unused)):
            raise DataError(
                f"{file}: no column {kind!r}, but {meant!r}, which may be meant for it",
                remedy=f"rename it to {kind!r}, or name it with --{kind}-column {meant}; if it means something else,"
                " give it another name",
            )
    return where, tuple(_notes(file, unused, grouped="group" in where))


def _missing(file: Path, kind: str, name: str, names: Sequence[str], wanted: Mapping[str, str]) -> DataError:
    shown = f"{', '.join(map(repr, names[:_SHOWN])) or 'nothing'}{' …' if len(names) > _SHOWN else ''}"
    meant = _meant(kind, [other for other in names if other not in wanted.values()])
    hint = f"; is {meant!r} meant? Then give --{kind}-column {meant}" if meant else ""
    return DataError(
        f"{file}: no column {name!r}; the first line names {shown}",
        remedy=f"name the columns path,label[,split][,group] in the first line (tabs between them in a .tsv){hint}",
    )


def _meant(kind: str, names: Sequence[str]) -> str | None:
    """The first name that stands for this kind of column elsewhere, or is misspelled."""
    known = next((name for name in names if name in _OTHER_NAMES[kind]), None)
    return known or next(iter(get_close_matches(kind, names, 1, _CLOSE)), None)


def _notes(file: Path, unused: Sequence[str], *, grouped: bool) -> list[str]:
    if not unused:
        return []
    more = f" and {len(unused) - _SHOWN} more" if len(unused) > _SHOWN else ""
    notes = [f"{file.name}: columns not used: {', '.join(map(repr, unused[:_SHOWN]))}{more}"]
    belonging = [name for name in unused if _may_group(name)]
    if belonging and not grouped:
        notes.append(
            f"{file.name}: images of one {belonging[0]!r} may come into different splits; --group-column"
            f" {belonging[0]} keeps them on one side of those that are drawn"
        )
    return notes


def _may_group(name: str) -> bool:
    if name.startswith(_OWN_IDS):
        return False
    return name.endswith(("_id", "-id", " id")) or any(word in name for word in _BELONGING)
