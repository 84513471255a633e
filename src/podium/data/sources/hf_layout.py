"""What a parquet file in the Hugging Face layout holds: which columns, which classes, which rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from podium.data.importing.listing import Row, Unreadable
from podium.data.sources import hf_columns
from podium.data.sources.hf_labels import LabelColumn, number_columns, read_labels
from podium.errors import DataError
from podium.results import SplitName

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_NO_BYTES: Final = Unreadable("no image bytes; the encoded image itself has to be in the file, not its path")
_BUFFER: Final = 1 << 20
"""Bytes read ahead in a column: without a bound, Arrow reads all of a row group at once."""


@dataclass(frozen=True)
class ParquetSource:
    """One file (a ``Part``): which columns are used, and the labels (int64, one a row)."""

    file: Path
    image_column: str
    label_column: str
    labels: NDArray[np.int64]

    @property
    def groups(self) -> None:
        """The layout knows none."""

    @property
    def files(self) -> Sequence[Path]:
        """The one file."""
        return (self.file,)

    def name(self, row: int) -> str:
        """``file.parquet#12``, counted from 0."""
        return f"{self.file.name}#{row}"

    def rows(self, start: int, batch: int) -> Iterator[Sequence[Row]]:
        """Yield the encoded images from row ``start`` on, ``batch`` at a time.

        Raises:
            DataError: The file is damaged.
        """
        with _open(self.file) as parquet:
            groups = list(range(parquet.num_row_groups))
            while groups and start >= (count := parquet.metadata.row_group(groups[0]).num_rows):
                start -= count
                groups.pop(0)
            if not groups:
                return
            for table in parquet.iter_batches(batch_size=batch, row_groups=groups, columns=[self.image_column]):
                contents = _encoded(table.column(0)).to_pylist()
                if start:
                    contents, start = contents[start:], max(0, start - len(contents))
                if None in contents:
                    contents = [_NO_BYTES if content is None else content for content in contents]
                if contents:
                    yield contents


def open_sources(
    files: Mapping[SplitName, Sequence[Path]],
    image_column: str | None,
    label_column: str | None,
    class_names: Sequence[str] | None,
) -> tuple[dict[SplitName, list[ParquetSource]], tuple[str, ...], tuple[str, ...]]:
    """Read the schemas and the labels of all files of all splits and check them; reads no image.

    Args:
        files: Of each split, in order; ``train`` is needed.
        image_column: Found by name and type unless given.
        label_column: Found by name and type unless given.
        class_names: In label order; from the metadata unless given. Where there are none, the sorted distinct labels
            if these are text, and ``"0"``, ``"1"``, … if they are numbers.

    Returns:
        The files of each split, the class names, and how columns without a usual name were found.

    Raises:
        DataError: A file cannot be read, has no such column, a label is out of range, files disagree on classes, or
            the classes are fewer than two or not distinct.
    """
    if not files.get("train"):
        raise DataError("no file for the train split", remedy="name one with --train")
    read = {split: [_inspect(file, image_column, label_column) for file in group] for split, group in files.items()}
    first = read["train"][0]
    for one in (one for group in read.values() for one in group):
        if class_names is None and one.labels.recorded_names != first.labels.recorded_names:
            raise DataError(
                f"{one.labels.file}: its class names are not those of {first.labels.file}",
                remedy="give files of one data set, or the class names with --classes",
            )
    columns = {split: [one.labels for one in group] for split, group in read.items()}
    numbered, names = number_columns(columns, class_names)
    sources = {
        split: [
            ParquetSource(one.labels.file, one.image_column, one.labels.column, labels)
            for one, labels in zip(group, numbered[split], strict=True)
        ]
        for split, group in read.items()
    }
    notes = {note: None for group in read.values() for one in group for note in one.notes}
    return sources, names, tuple(notes)


def open_unlabelled(files: Sequence[Path]) -> tuple[list[ParquetSource], tuple[str, ...]] | None:
    """Open files without labels (``labels`` are zeros then); None if one of them has a column of labels.

    Returns:
        The files, and how columns without a usual name were found.

    Raises:
        DataError: A file cannot be read, or has no column of images.
    """
    sources = []
    notes: dict[str, None] = {}
    for file in files:
        with _open(file) as parquet:
            schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
        if hf_columns.has_label_column(schema):
            return None
        image, note = hf_columns.image_column(file, schema, None)
        notes |= {note: None} if note else {}
        sources.append(ParquetSource(file, image, "", np.zeros(rows, np.int64)))
    return sources, tuple(notes)


@dataclass(frozen=True)
class _Read:
    image_column: str
    labels: LabelColumn
    notes: tuple[str, ...]


def _inspect(file: Path, image_column: str | None, label_column: str | None) -> _Read:
    with _open(file) as parquet:
        schema = parquet.schema_arrow
        image, image_note = hf_columns.image_column(file, schema, image_column)
        label, label_note = hf_columns.label_column(file, schema, label_column)
        labels = read_labels(
            file, label, parquet.read(columns=[label]).column(0), hf_columns.recorded_names(schema, label)
        )
    return _Read(image, labels, tuple(note for note in (image_note, label_note) if note))


def _encoded(column: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.struct_field(column, "bytes") if "struct" in str(column.type) else column


@contextmanager
def _open(file: Path) -> Iterator[pq.ParquetFile]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file, buffer_size=_BUFFER) as parquet:
            yield parquet
    except (pa.ArrowException, OSError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error).splitlines()[0]
        raise DataError(f"{file}: cannot be read as parquet ({reason})", remedy="give an intact parquet file") from None
