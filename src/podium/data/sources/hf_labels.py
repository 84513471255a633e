"""The labels of parquet files - numbers, or class names as text - to class numbers and class names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from podium.data.manifest import problem_with_names
from podium.data.sources.hf_columns import is_text
from podium.data.sources.labels import number_labels
from podium.errors import DataError
from podium.results import SplitName

if TYPE_CHECKING:
    import pyarrow as pa

_CLASSES = "give two or more distinct class names with --classes"


@dataclass(frozen=True)
class LabelColumn:
    """The labels of one file."""

    file: Path
    column: str
    numbers: NDArray[np.int64]
    """int64, one a row: the labels, or where these are text, places in ``texts``."""
    texts: tuple[str, ...] | None
    """The distinct labels, if they are text."""
    recorded_names: tuple[str, ...] | None
    """Of the classes, from the file's metadata."""

    def at(self, row: int) -> str:
        """Name a row in an error."""
        return f"{self.file}: row {row}, column {self.column!r}"


def read_labels(file: Path, name: str, column: pa.ChunkedArray, recorded: tuple[str, ...] | None) -> LabelColumn:
    """Take the labels out of a column of integers or strings.

    Raises:
        DataError: There is no row, or one without a label.
    """
    import pyarrow as pa

    if not len(column):
        raise DataError(f"{file}: no rows", remedy="give a file with images")
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise DataError(f"{file}: row {row}, column {name!r}: no label", remedy="give every row a label")
    texts = None
    if is_text(column.type):
        encoded = column.cast(pa.large_string()).combine_chunks().dictionary_encode()
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        try:
            texts = tuple(encoded.dictionary.to_pylist())
        except UnicodeDecodeError:
            raise DataError(f"{file}: column {name!r}: a label is not UTF-8", remedy="correct the labels") from None
        column = pa.chunked_array([encoded.indices])
    numbers = [_integers(chunk) for chunk in column.cast("int64").chunks]
    found = LabelColumn(file, name, np.concatenate(numbers), texts, recorded)
    if texts is not None and (blank := [place for place, text in enumerate(texts) if not text.strip()]):
        row = int(np.flatnonzero(np.isin(found.numbers, blank))[0])
        raise DataError(f"{found.at(row)}: no label", remedy="give every row a label")
    return found


def number_columns(
    columns: Mapping[SplitName, Sequence[LabelColumn]], class_names: Sequence[str] | None
) -> tuple[dict[SplitName, list[NDArray[np.int64]]], tuple[str, ...]]:
    """Number the labels of all files alike, and name the classes.

    Args:
        columns: Of each split's files; one of train at least.
        class_names: In label order; of the metadata, or from the labels, unless given.

    Returns:
        Class numbers (int64) of every file, one a row, and the class names.

    Raises:
        DataError: A label is no class, files have labels of different kinds, or the classes are fewer than two or not
            distinct.
    """
    first = columns["train"][0]
    everything = [column for group in columns.values() for column in group]
    for column in everything:
        if (column.texts is None) != (first.texts is None):
            kinds = ("numbers", "names") if column.texts is None else ("names", "numbers")
            raise DataError(
                f"{column.file}: its labels (column {column.column!r}) are {kinds[0]}, those of {first.file} are"
                f" {kinds[1]}",
                remedy="give files of one data set, or name the column with --label-column",
            )
    if first.texts is not None:
        return _number_texts(columns, class_names if class_names is not None else first.recorded_names)
    names = _class_names(columns["train"], class_names)
    for column in everything:
        _check_range(column, len(names))
    return {split: [column.numbers for column in group] for split, group in columns.items()}, names


def _number_texts(
    columns: Mapping[SplitName, Sequence[LabelColumn]], class_names: Sequence[str] | None
) -> tuple[dict[SplitName, list[NDArray[np.int64]]], tuple[str, ...]]:
    """As ``number_labels`` does; it looks at the distinct labels of every file alone."""
    values: list[str] = []
    places: list[tuple[LabelColumn, int]] = []
    for column in (column for group in columns.values() for column in group):
        values += column.texts or ()
        places += [(column, number) for number in range(len(column.texts or ()))]

    def at(place: int) -> str:
        column, number = places[place]
        return column.at(int((column.numbers == number).argmax()))

    labels, names = number_labels(values, at, class_names)
    start = 0
    numbered: dict[SplitName, list[NDArray[np.int64]]] = {split: [] for split in columns}
    for split, group in columns.items():
        for column in group:
            own = labels[start : start + len(column.texts or ())]
            start += len(own)
            numbered[split].append(own[column.numbers])
    return numbered, names


def _class_names(train: Sequence[LabelColumn], given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names that are given, those of the metadata, or numbers up to the largest label."""
    recorded = train[0].recorded_names
    if given is not None:
        names, origin = tuple(given), "the given class names"
    elif recorded is not None:
        names, origin = recorded, f"{train[0].file}: class names in the metadata"
    else:
        rows = sum(len(column.numbers) for column in train)
        for column in train:
            row = int(column.numbers.argmax())
            if column.numbers[row] >= rows:
                raise DataError(
                    f"{column.at(row)}: label {column.numbers[row]} cannot be right: no classes are named, and train"
                    f" has {rows} images",
                    remedy="correct the label, or name every class with --classes",
                )
        largest = max(int(column.numbers.max()) for column in train)
        names, origin = tuple(map(str, range(largest + 1))), f"{train[0].file}: column {train[0].column!r}"
    if problem := problem_with_names(names):
        raise DataError(f"{origin}: {problem}", remedy=_CLASSES)
    return names


def _check_range(column: LabelColumn, classes: int) -> None:
    wrong = np.flatnonzero((column.numbers < 0) | (column.numbers >= classes))
    if wrong.size:
        raise DataError(
            f"{column.at(int(wrong[0]))}: label {column.numbers[wrong[0]]} is out of range; {classes} classes are"
            f" named ({wrong.size} such rows)",
            remedy="correct the label, or name every class with --classes",
        )


def _integers(chunk: pa.Array) -> NDArray[np.int64]:
    """int64 without nulls to numpy (pyarrow's own way imports pandas, which takes longer than all the labels)."""
    return np.frombuffer(chunk.buffers()[1], np.int64, len(chunk), chunk.offset * 8)
