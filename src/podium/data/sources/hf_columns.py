"""Which columns of a parquet file are images and labels: those that are named, of a usual name, or the only one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from podium.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ColumnKind:
    """Images, or labels."""

    name: str
    usual: tuple[str, ...]
    """Column names, the likeliest first; a column so called is taken, or the file refused."""
    said: str
    """What such a column holds, for a message."""
    fits: Callable[[pa.DataType], bool]
    found: Callable[[pa.DataType], bool]
    """Whether a column of any other name may be one, if it is the only such."""


def image_column(file: Path, schema: pa.Schema, given: str | None) -> tuple[str, str | None]:
    """Choose the column of images; as ``label_column``."""
    return _choose(file, schema, given, _IMAGES)


def label_column(file: Path, schema: pa.Schema, given: str | None) -> tuple[str, str | None]:
    """Choose the column of labels: integers, or text where it is named or has a usual name.

    Args:
        file: For the message.
        schema: Of the file.
        given: A column's name, or None.

    Returns:
        Its name, and a sentence if it was chosen without a usual name, or among several.

    Raises:
        DataError: There is none: no column of that name or type, or several without a usual name.
    """
    return _choose(file, schema, given, _LABELS)


def has_label_column(schema: pa.Schema) -> bool:
    """Whether ``label_column`` would find one."""
    try:
        label_column(Path(), schema, None)
    except DataError:
        return False
    return True


def is_text(kind: pa.DataType) -> bool:
    """Strings, also those of a dictionary."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def recorded_names(schema: pa.Schema, label: str) -> tuple[str, ...] | None:
    """Read the names of a ClassLabel feature; None if there are none."""
    text = (schema.metadata or {}).get(b"huggingface")
    if not text:
        return None
    try:
        names: Any = json.loads(text)["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError):
        return None
    return tuple(map(str, names)) if isinstance(names, list) and names else None


def _choose(file: Path, schema: pa.Schema, given: str | None, kind: ColumnKind) -> tuple[str, str | None]:
    columns = {field.name: field.type for field in schema}
    option = f"--{kind.name}-column"
    if given is not None:
        if given in columns and kind.fits(columns[given]):
            return given, None
        problem = f"column {given!r} is missing or holds no {kind.name}s"
    else:
        usual = [name for name in kind.usual if name in columns]
        fitting = [name for name in usual if kind.fits(columns[name])]
        others = [name for name, of_type in columns.items() if name not in usual and kind.found(of_type)]
        if fitting:
            return fitting[0], _note(file, kind, fitting, others)
        if usual:
            problem = f"no {kind.name} column: {usual[0]!r} holds {columns[usual[0]]}, which is no {kind.said}"
        elif len(others) == 1:
            return others[0], (
                f"{file.name}: {kind.name}s are read from column {others[0]!r}, the only one of a fitting type;"
                f" {option} names another"
            )
        elif others:
            problem = f"no {kind.name} column, but several that could be one: {', '.join(map(repr, others))}"
        else:
            problem = f"no {kind.name} column"
    shown = {name: str(of_type) for name, of_type in columns.items()}
    raise DataError(
        f"{file}: {problem}; the columns are {shown}",
        remedy=f"name the right one with {option} (images: struct with `bytes`, or binary; labels: integers, or class"
        " names as text)",
    )


def _note(file: Path, kind: ColumnKind, fitting: list[str], others: list[str]) -> str | None:
    """A sentence where another choice is as good: ``fine_label`` beside ``coarse_label``."""
    rivals = [*fitting[1:], *(name for name in others if fitting[0] == "fine_label" and name.endswith("label"))]
    if not rivals:
        return None
    return (
        f"{file.name}: {kind.name}s are read from column {fitting[0]!r}, not from {', '.join(map(repr, rivals))};"
        f" --{kind.name}-column names another"
    )


def _is_image(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _is_image(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_integer(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind))


def _is_label(kind: pa.DataType) -> bool:
    return _is_integer(kind) or is_text(kind)


_IMAGES: Final = ColumnKind("image", ("image", "img"), "encoded image", _is_image, _is_image)
_LABELS: Final = ColumnKind("label", ("label", "labels", "fine_label"), "class number or name", _is_label, _is_integer)
