"""Turn pydantic's errors into one that names the file, the key's path and the nearest valid name."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from podium.errors import ConfigError

MOST: Final = 40
"""Names that a remedy lists."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """A remedy for a wrong name: the closest valid one if one is close, and otherwise all of them, or the first."""
    names = sorted(valid)
    if close := difflib.get_close_matches(name, names, n=1, cutoff=0.6):
        return f"did you mean {close[0]!r}?"
    more = f" and {len(names) - MOST:,} more" if len(names) > MOST else ""
    return f"use one of: {', '.join(names[:MOST])}{more}"


def explain(error: ValidationError, model: type[BaseModel], file: Path | str, prefix: str = "") -> ConfigError:
    """Describe every error of a validation: the key's path, what is wrong, the nearest valid name.

    Args:
        error: What pydantic raised.
        model: The model that was validated.
        file: The file that the values came from.
        prefix: Path of the model within the file, such as ``parameters.config``.
    """
    lines = []
    for item in _own_faults(error):
        loc = tuple(item["loc"])
        path = ".".join(map(str, ([prefix] if prefix else []) + list(loc)))
        lines.append(f"{path or 'the file'}: {_sentence(item, loc, model)}")
    if len(lines) == 1:
        message, _, remedy = lines[0].partition(" → ")
        return ConfigError(f"{file}: {message}", remedy=remedy or "correct this value")
    listing = "\n".join(f"  {line}" for line in lines)
    return ConfigError(f"{file}: {len(lines)} values are refused:\n{listing}", remedy="correct these values")


def _own_faults(error: ValidationError) -> list[Any]:
    """The errors without those that follow from others: a list counts as too short where its items are refused."""
    items: list[Any] = error.errors()
    places = [tuple(item["loc"]) for item in items]

    def follows(item: Any) -> bool:
        own = tuple(item["loc"])
        return item["type"] == "too_short" and any(len(own) < len(loc) and loc[: len(own)] == own for loc in places)

    return [item for item in items if not follows(item)]


def _sentence(item: Any, loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    if item["type"] == "extra_forbidden":
        owner = _model_at(model, loc[:-1])
        fields = owner.model_fields if owner else ()
        return f"unknown key → {nearest(str(loc[-1]), fields)}" if fields else "unknown key → remove it"
    if item["type"] == "missing":
        return f"is required → add the key {str(loc[-1])!r}"
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    message = item["msg"][0].lower() + item["msg"][1:]
    given = item.get("input")
    return message if isinstance(given, (dict, list)) else f"{message}, not {given!r}"


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model class that the location lies in, through tuples, unions and annotations."""
    current: Any = model
    for part in loc:
        if isinstance(current, type) and issubclass(current, BaseModel) and str(part) in current.model_fields:
            current = _inner(current.model_fields[str(part)].annotation)
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _inner(annotation: Any) -> Any:
    """The first model class within an annotation, or the annotation itself."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        found = _inner(argument)
        if isinstance(found, type) and issubclass(found, BaseModel):
            return found
    return annotation
