"""A CSV or TSV table of ``path,label[,split][,group]``."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from podium.data.importing.listing import Listing, Part
from podium.data.sources.files import FilesPart, printable
from podium.data.sources.folder import SPLIT_NAMES
from podium.data.sources.labels import more_rows, number_labels
from podium.data.sources.table_header import find_columns
from podium.errors import DataError
from podium.results import SplitName

_DELIMITERS: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t"}


def list_table(
    file: Path,
    *,
    images: Path | None = None,
    class_names: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> Listing:
    """List the images that a table names; its first line names the columns, others than the four are told, not read.

    Args:
        file: UTF-8; ``.csv`` is separated by commas, ``.tsv`` by tabs. Fields may be quoted.
        images: Folder that the paths are relative to; the table's own unless given. Paths lead nowhere else.
        class_names: In label order; the sorted distinct labels unless given.
        columns: Of ``path``, ``label``, ``split`` and ``group``, those that the table calls otherwise.

    Raises:
        DataError: The table cannot be read, lacks a column or a value, has a column that may be meant for one that is
            not there, leads out of the folder, names an image twice or a label that is no class; all such lines are
            named. A file that is missing is a bad image, not an error.
    """
    rows = _Rows(file, columns or {})
    root = images if images is not None else file.parent
    if not root.is_dir():
        raise DataError(f"{root}: no such folder", remedy="name the folder of the images with --images")
    names = rows.paths(root, given=images is not None)
    splits = rows.splits()
    labels, classes = number_labels(rows.columns["label"], rows.at, class_names)
    groups = rows.columns.get("group")
    parts: dict[SplitName, Sequence[Part]] = {}
    for split in ("train", "validation", "test"):
        chosen = np.flatnonzero(splits == split) if splits is not None else np.arange(len(names))
        if not len(chosen) or (splits is None and split != "train"):
            continue
        own = [names[i] for i in chosen]
        own_groups = [groups[i] for i in chosen] if groups else None
        parts[split] = [FilesPart(root.absolute(), own, labels[chosen], own_groups, (file.absolute(),))]
    if "train" not in parts:
        raise DataError(f"{file}: no row of split 'train'", remedy="mark the training images with 'train'")
    return Listing(classes, parts, f"table: {printable(file.name)}", notes=rows.notes)


class _Rows:
    """The columns of a table, and the line on which every row ends."""

    def __init__(self, file: Path, called: Mapping[str, str]) -> None:
        self.file = file
        self.lines: list[int] = []
        known: dict[str, str] = {}  # one object for equal values: a label stands there a million times
        with _reading(file) as reader:
            header: list[str] = next(reader, [])
            where, self.notes = find_columns(file, header, called)
            self.columns: dict[str, list[str]] = {name: [] for name in where}
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise DataError(
                        f"{file}: line {reader.line_num}: {len(cells)} values under {len(header)} column names",
                        remedy="put values that hold a separator or a quote into quotes",
                    )
                self.lines.append(reader.line_num)
                for name, place in where.items():
                    cell = cells[place] if name == "path" else known.setdefault(cells[place], cells[place])
                    self.columns[name].append(cell)
        if not self.lines:
            raise DataError(f"{file}: no rows", remedy="give a table with one line an image")
        for name, values in self.columns.items():
            if name != "group":  # a row may be of no group
                self._refuse([row for row, value in enumerate(values) if not value.strip()], f"no {name}")

    def at(self, row: int) -> str:
        """Name a row by its line, counted from 1 with the header."""
        return f"{self.file}: line {self.lines[row]}"

    def paths(self, root: Path, *, given: bool) -> list[str]:
        """Paths relative to ``root``; what leads out of it is refused."""
        base = os.path.abspath(root)
        self._refuse([row for row, text in enumerate(self.columns["path"]) if "\0" in text], "a NUL character")
        names = []
        outside = []
        for row, text in enumerate(self.columns["path"]):
            full = os.path.normpath(os.path.join(base, text))
            if not full.startswith(base.rstrip("/") + "/") or (os.path.isabs(text) and not given):
                outside.append(row)
            names.append(os.path.relpath(full, base))
        if outside:
            raise DataError(
                f"{self.at(outside[0])}: {self.columns['path'][outside[0]]!r} leads out of {root}"
                f"{more_rows(outside, self.at)}",
                remedy="name the folder that holds all images with --images",
            )
        first: dict[str, int] = {}
        twice = [row for row, name in enumerate(names) if first.setdefault(name, row) != row]
        self._refuse(twice, "stands twice", lambda row: f"{names[row]!r} (line {self.lines[first[names[row]]]} too) ")
        return names

    def splits(self) -> np.ndarray | None:
        """The split of every row, if there is such a column."""
        values = self.columns.get("split")
        if values is None:
            return None
        known = {value: SPLIT_NAMES.get(value.strip().lower()) for value in set(values)}
        unknown = [row for row, value in enumerate(values) if known[value] is None]
        self._refuse(unknown, "is no split (train, validation, test)", lambda row: f"{values[row]!r} ")
        return np.array([known[value] for value in values])

    def _refuse(self, rows: Sequence[int], what: str, value: Callable[[int], str] = lambda _: "") -> None:
        if rows:
            raise DataError(
                f"{self.at(rows[0])}: {value(rows[0])}{what}{more_rows(rows, self.at)}", remedy="correct the table"
            )


@contextmanager
def _reading(file: Path) -> Iterator[Any]:
    delimiter = _DELIMITERS.get(file.suffix.lower())
    if delimiter is None:
        raise DataError(f"{file}: neither .csv nor .tsv", remedy="name the file after its separator")
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=delimiter, strict=True)
            try:
                yield reader
            except (csv.Error, UnicodeDecodeError) as error:
                raise DataError(
                    f"{file}: line {reader.line_num + 1}: {error}", remedy="give a UTF-8 table with balanced quotes"
                ) from None
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}", remedy="give a readable table") from None
