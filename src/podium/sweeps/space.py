"""The space of a sweep: checked against the recipe's types, translated for Optuna, applied to the recipe."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from podium.config import RecipeConfig
from podium.config.image_size import check_image_size
from podium.config.load import nearest, parse
from podium.config.sweep import Dimension, SweepConfig
from podium.errors import ConfigError
from podium.models import options_of
from podium.models.recipes import check_backbone, resolve_recipe
from podium.sweeps.fields import TypedField, fields_of

_PATH: Final = "parameters.config"
_CORNERS: Final = 1024
"""Combinations of extreme values that are tried on the recipe before anything runs."""
_DIGITS: Final = 4
"""Significant digits of a suggested number: more would only look exact."""

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Space:
    """What is searched, and in which recipe. ``distributions`` are Optuna's, by dotted path."""

    recipe: RecipeConfig
    dimensions: Mapping[str, Dimension]
    distributions: Mapping[str, BaseDistribution]

    def decode(self, suggested: Values) -> dict[str, Any]:
        """Optuna's values as values of the fields; numbers that are no steps are rounded to four digits."""
        return {path: _decode(self.dimensions[path], value) for path, value in suggested.items()}

    def encode(self, values: Values) -> dict[str, Any]:
        """The opposite: choices are JSON texts, since Optuna takes only plain values and holds ``1`` for ``true``."""
        return {
            path: _json(value) if self.dimensions[path].choices is not None else value for path, value in values.items()
        }

    def apply(self, values: Values, where: Path | str = "sweep") -> RecipeConfig:
        """The recipe with other values. Raises ConfigError if it refuses the combination."""
        raw = deepcopy(self.recipe.model_dump(mode="json"))
        for path, value in values.items():
            *parents, name = path.split(".")
            block = raw
            for parent in parents:
                if block.get(parent) is None:
                    block[parent] = {}
                block = block[parent]
            block[name] = value
        recipe = parse(RecipeConfig, raw, where)
        options_of(recipe.model, where)
        check_backbone(recipe, f"{where}: trainer")
        return recipe

    def told(self, values: Values) -> str:
        """A point in words, for errors."""
        return ", ".join(f"{path} {_json(value)}" for path, value in values.items())

    def own_values(self) -> dict[str, Any] | None:
        """The values of the searched fields in the recipe itself; None if one of them lies outside of the space."""
        raw = self.recipe.model_dump(mode="json")
        raw["model"]["options"] = options_of(self.recipe.model).model_dump(mode="json")
        values = {}
        for path, dimension in self.dimensions.items():
            value: Any = raw
            for part in path.split("."):
                value = value.get(part) if isinstance(value, dict) else None
            if not _holds(dimension, self.distributions[path], value):
                return None
            values[path] = value
        return values

    def points(self) -> int | None:
        """How many points there are; None if they cannot be counted."""
        sizes = [_size(dimension, self.distributions[path]) for path, dimension in self.dimensions.items()]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)


def open_space(
    config: SweepConfig, recipes_dir: Path, *, file: Path | str = "sweep", images: tuple[int, int] | None = None
) -> Space:
    """Resolve the recipe and check the space against it.

    Every bound and choice has to be a value of its field, and the recipe has to take every combination of extreme
    values (of more than 1,024 a seeded sample), so that no trial is lost on a mistake in the file. ``images`` is their
    height and width, if they are known; those that the configuration names unless given.

    Raises:
        ConfigError: An unknown recipe, path or key, a refused value or combination; names file, path, nearest name.
    """
    images = images or config.data.size
    recipe = resolve_recipe(config.recipe, [config.trainer], recipes_dir, file=file, path=_PATH)
    fields = fields_of(recipe)
    for path, dimension in config.space.items():
        where = f"{_PATH}.space.{path}"
        if path not in fields:
            raise ConfigError(f"{file}: {where}: the recipe has no such field", remedy=nearest(path, fields))
        _check(fields[path], dimension, file, where)
        for other in config.space:
            if other.startswith(f"{path}."):
                raise ConfigError(f"{file}: {where}: {other} lies within it", remedy="search one of the two")
    distributions = {path: _distribution(dimension, fields[path]) for path, dimension in config.space.items()}
    space = Space(recipe, config.space, distributions)
    size = space.points()
    if size is not None and size < config.trials:
        raise ConfigError(
            f"{file}: {_PATH}.trials: {config.trials} trials, but the space has {size} points",
            remedy=f"set trials to {size} at most, or widen the space",
        )
    for corner in _corners(config):
        try:
            recipe = space.apply(corner)
            if images:
                check_image_size(recipe.trainer.augment, images, "trainer")
        except ConfigError as error:
            why = error.message.removeprefix("sweep: ")
            raise ConfigError(
                f"{file}: {_PATH}.space: the recipe refuses {space.told(corner)}: {why}",
                remedy="take one of these values out of the space, or change the recipe with parameters.config.trainer",
            ) from None
    return space


def _check(field: TypedField, dimension: Dimension, file: Path | str, where: str) -> None:
    if dimension.choices is not None:
        for index, choice in enumerate(dimension.choices):
            field.check(_json(choice), file, f"{where}.choices.{index}")
        texts = [_json(choice) for choice in dimension.choices]
        if twice := [text for text in texts if texts.count(text) > 1]:
            raise ConfigError(f"{file}: {where}.choices: {twice[0]} stands twice", remedy="name each choice once")
        return
    if field.number is None:
        raise ConfigError(f"{file}: {where}: is not a field of numbers", remedy="give choices in place of low and high")
    bounds = {"low": dimension.low, "high": dimension.high}
    for key, bound in (bounds | ({"step": dimension.step} if field.number is int else {})).items():
        if field.number is int and isinstance(bound, float):
            raise ConfigError(f"{file}: {where}.{key}: takes whole numbers, not {bound}", remedy="round it")
        if key in bounds:
            field.check(_json(bound), file, f"{where}.{key}")


def _distribution(dimension: Dimension, field: TypedField) -> BaseDistribution:
    if dimension.choices is not None:
        return CategoricalDistribution([_json(choice) for choice in dimension.choices])
    assert dimension.low is not None
    assert dimension.high is not None
    if field.number is int:
        return IntDistribution(
            int(dimension.low), int(dimension.high), log=dimension.log, step=int(dimension.step or 1)
        )
    return FloatDistribution(float(dimension.low), float(dimension.high), log=dimension.log, step=dimension.step)


def _decode(dimension: Dimension, value: Any) -> Any:
    if dimension.choices is not None:
        return json.loads(value)
    if not isinstance(value, float):
        return value
    if dimension.step is not None:
        return round(value, 12)
    assert dimension.low is not None
    assert dimension.high is not None
    return min(max(float(f"{value:.{_DIGITS}g}"), float(dimension.low)), float(dimension.high))


def _holds(dimension: Dimension, distribution: BaseDistribution, value: Any) -> bool:
    if dimension.choices is not None:
        return _json(value) in map(_json, dimension.choices)
    if not isinstance(distribution, (IntDistribution, FloatDistribution)) or not isinstance(value, (int, float)):
        return False
    if not distribution.low <= value <= distribution.high:
        return False
    steps = (value - distribution.low) / distribution.step if distribution.step else 0.0
    return abs(steps - round(steps)) < 1e-6


def _size(dimension: Dimension, distribution: BaseDistribution) -> int | None:
    if dimension.choices is not None:
        return len(dimension.choices)
    if isinstance(distribution, (IntDistribution, FloatDistribution)) and distribution.step is not None:
        return round((distribution.high - distribution.low) / distribution.step) + 1
    return None


def _corners(config: SweepConfig) -> Iterator[dict[str, Any]]:
    extremes = [
        [dimension.low, dimension.high] if dimension.choices is None else list(dimension.choices)
        for dimension in config.space.values()
    ]
    if math.prod(map(len, extremes)) <= _CORNERS:
        combinations: Iterator[tuple[Any, ...]] = itertools.product(*extremes)
    else:
        draw = random.Random(config.seed)  # noqa: S311 - no secret
        combinations = (tuple(draw.choice(values) for values in extremes) for _ in range(_CORNERS))
    for combination in combinations:
        yield dict(zip(config.space, combination, strict=True))


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
