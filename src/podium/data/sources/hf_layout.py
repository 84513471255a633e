"""What a parquet file in the Hugging Face layout holds: which columns, which classes, which rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from podium.data.importing.listing import Row, Unreadable
from podium.data.manifest import problem_with_names
from podium.errors import DataError
from podium.results import SplitName

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_NO_BYTES: Final = Unreadable("no image bytes; the encoded image itself has to be in the file, not its path")
_IMAGES: Final = ("image", "img")
_LABELS: Final = ("label", "labels")
_BUFFER: Final = 1 << 20
"""Bytes read ahead in a column: without a bound, Arrow reads all of a row group at once."""


@dataclass(frozen=True)
class ParquetSource:
    """One file (a ``Part``): which columns are used, and the labels (int64, one a row)."""

    file: Path
    image_column: str
    label_column: str
    labels: NDArray[np.int64]
    recorded_names: tuple[str, ...] | None
    """Of the classes, from the file's metadata."""

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
) -> tuple[dict[SplitName, list[ParquetSource]], tuple[str, ...]]:
    """Read the schemas and the labels of all files of all splits and check them; reads no image.

    Args:
        files: Of each split, in order; ``train`` is needed.
        image_column: Found by name and type unless given.
        label_column: Found by name and type unless given.
        class_names: In label order; from the metadata unless given, and ``"0"``, ``"1"``, … where there are none.

    Returns:
        The files of each split, and the class names.

    Raises:
        DataError: A file cannot be read, has no such column, a label is out of range, files disagree on classes, or
            the classes are fewer than two or not distinct.
    """
    if not files.get("train"):
        raise DataError("no file for the train split", remedy="name one with --train")
    sources = {split: [_inspect(file, image_column, label_column) for file in group] for split, group in files.items()}
    first = sources["train"][0]
    names = _class_names(sources["train"], class_names)
    for source in (source for group in sources.values() for source in group):
        if class_names is None and source.recorded_names != first.recorded_names:
            raise DataError(
                f"{source.file}: its class names are not those of {first.file}",
                remedy="give files of one data set, or the class names with --classes",
            )
        _check_range(source, len(names))
    return sources, names


def open_unlabelled(files: Sequence[Path]) -> list[ParquetSource] | None:
    """Open files without labels (``labels`` are zeros then); None if one of them has a column of labels.

    Raises:
        DataError: A file cannot be read, or has no column of images.
    """
    sources = []
    for file in files:
        with _open(file) as parquet:
            schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
        if _fitting(schema, _is_integer, _LABELS):
            return None
        image = _choose(file, schema, None, _is_image, _IMAGES, "image")
        sources.append(ParquetSource(file, image, "", np.zeros(rows, np.int64), None))
    return sources


def _class_names(train: Sequence[ParquetSource], given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names that are given, those of the metadata, or numbers up to the largest label."""
    recorded = train[0].recorded_names
    if given is not None:
        names, origin = tuple(given), "the given class names"
    elif recorded is not None:
        names, origin = recorded, f"{train[0].file}: class names in the metadata"
    else:
        rows = sum(len(source.labels) for source in train)
        for source in train:
            row = int(source.labels.argmax())
            if source.labels[row] >= rows:
                raise DataError(
                    f"{source.file}: row {row}, column {source.label_column!r}: label {source.labels[row]} cannot be"
                    f" right: no classes are named, and train has {rows} images",
                    remedy="correct the label, or name every class with --classes",
                )
        largest = max(int(source.labels.max()) for source in train)
        names, origin = tuple(map(str, range(largest + 1))), f"{train[0].file}: column {train[0].label_column!r}"
    if problem := problem_with_names(names):
        raise DataError(f"{origin}: {problem}", remedy="give two or more distinct class names with --classes")
    return names


def _inspect(file: Path, image_column: str | None, label_column: str | None) -> ParquetSource:
    with _open(file) as parquet:
        schema = parquet.schema_arrow
        image = _choose(file, schema, image_column, _is_image, _IMAGES, "image")
        label = _choose(file, schema, label_column, _is_integer, _LABELS, "label")
        column = parquet.read(columns=[label]).column(0).cast("int64")
    if not len(column):
        raise DataError(f"{file}: no rows", remedy="give a file with images")
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise DataError(f"{file}: row {row}, column {label!r}: no label", remedy="give every row a label")
    labels = [_integers(chunk) for chunk in column.chunks]
    return ParquetSource(file, image, label, np.concatenate(labels), _names(schema, label))


def _integers(chunk: pa.Array) -> NDArray[np.int64]:
    """int64 without nulls to numpy (pyarrow's own way imports pandas, which takes longer than all the labels)."""
    return np.frombuffer(chunk.buffers()[1], np.int64, len(chunk), chunk.offset * 8)


def _check_range(source: ParquetSource, classes: int) -> None:
    wrong = np.flatnonzero((source.labels < 0) | (source.labels >= classes))
    if wrong.size:
        raise DataError(
            f"{source.file}: row {wrong[0]}, column {source.label_column!r}: label {source.labels[wrong[0]]} is out of"
            f" range; {classes} classes are named ({wrong.size} such rows)",
            remedy="correct the label, or name every class with --classes",
        )


def _choose(
    file: Path,
    schema: pa.Schema,
    given: str | None,
    fits: Callable[[pa.DataType], bool],
    usual: tuple[str, ...],
    kind: str,
) -> str:
    """Return the column that was given, one of a usual name, or the only one of a fitting type."""
    columns = {field.name: str(field.type) for field in schema}
    if given is not None:
        if given in columns and fits(schema.field(given).type):
            return given
    elif found := _fitting(schema, fits, usual):
        return found
    what = f"no {kind} column" if given is None else f"column {given!r} is missing or holds no {kind}s"
    raise DataError(
        f"{file}: {what}; the columns are {columns}",
        remedy=f"name the right one with --{kind}-column (images: struct with `bytes`, or binary; labels: integers)",
    )


def _fitting(schema: pa.Schema, fits: Callable[[pa.DataType], bool], usual: tuple[str, ...]) -> str | None:
    """A column of a fitting type: one of a usual name, or else the only one."""
    fitting = [field.name for field in schema if fits(field.type)]
    named = [name for name in usual if name in fitting]
    return named[0] if named else fitting[0] if len(fitting) == 1 else None


def _is_image(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _is_image(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_integer(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind))


def _encoded(column: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.struct_field(column, "bytes") if "struct" in str(column.type) else column


def _names(schema: pa.Schema, label: str) -> tuple[str, ...] | None:
    """Read the names of a ClassLabel feature; None if there are none."""
    text = (schema.metadata or {}).get(b"huggingface")
    if not text:
        return None
    try:
        names: Any = json.loads(text)["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError):
        return None
    return tuple(map(str, names)) if isinstance(names, list) and names else None


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
