"""A recipe's fields by dotted path, with their types."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from podium.config import ModelConfig, RecipeConfig, TrainerConfig
from podium.config.load import explain
from podium.models import family_of


@dataclass(frozen=True)
class TypedField:
    """One field of a recipe: where it is declared, and what it takes."""

    owner: type[BaseModel]
    name: str

    @property
    def number(self) -> type[int] | type[float] | None:
        """``int`` or ``float`` for a field of numbers; None for any other, also for one of a few named numbers."""
        kinds = [kind for kind in _alternatives(self._info.annotation) if kind is not types.NoneType]
        return kinds[0] if len(kinds) == 1 and kinds[0] in (int, float) else None

    @property
    def _block(self) -> type[BaseModel] | None:
        kinds = _alternatives(self._info.annotation)
        return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)

    @property
    def _info(self) -> Any:
        return self.owner.model_fields[self.name]

    def check(self, value: str, file: Path | str, path: str) -> None:
        """Validate a value (JSON) strictly. Raises ConfigError with file, path, value and what the field takes."""
        taken: Any = (
            Annotated[self._info.annotation, *self._info.metadata] if self._info.metadata else self._info.annotation
        )
        try:
            TypeAdapter(taken).validate_json(value, strict=True)
        except ValidationError as error:
            raise explain(error, self._block or self.owner, file, path) from None


def fields_of(recipe: RecipeConfig) -> dict[str, TypedField]:
    """All fields that a sweep may search: those of ``trainer`` and its blocks, ``model.options``, ``model.views``."""
    found = dict(_walk(TrainerConfig, "trainer"))
    found |= dict(_walk(family_of(recipe.model).options, "model.options"))
    found["model.views"] = TypedField(ModelConfig, "views")
    return found


def _walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, TypedField]]:
    for name, info in model.model_fields.items():
        path = f"{prefix}.{name}"
        yield path, TypedField(model, name)
        for kind in _alternatives(info.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _walk(kind, path)


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The types of a union; a type that is none as it is."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for argument in typing.get_args(annotation):
            yield from _alternatives(argument)
    else:
        yield annotation
