"""Bounds that contradict themselves, in expectations that Great Expectations ships."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from podium.errors import ConfigError
from podium.validation.expected import Expected

FRACTIONS: Final = frozenset({"gray_share", "gray_shift", "excluded_share"})
"""Columns that hold shares of images; told in percent."""
_UNIT: Final = FRACTIONS | {"mean_shift"}
"""Columns from 0 to 1."""


def finite(value: Any, file: Path, where: str) -> None:
    """Refuse what is not a number, or infinite, anywhere in a value read from YAML. Raises ConfigError."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{file}: {where}: {value} is no bound", remedy="give a number, or leave the key out")
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        finite(member, file, f"{where}.{key}")


def check_bounds(item: Expected, file: Path, where: str) -> None:
    """Refuse bounds that no value can be within, and bounds where no value can be.

    Args:
        item: An expectation of Great Expectations' own.
        file: Where it stands.
        where: The path of its kwargs there.

    Raises:
        ConfigError: Names the key, its value and the remedy.
    """
    kwargs = item.kwargs
    for key, other, low, high in _pairs(kwargs):
        strict = low == high and (kwargs.get("strict_min") or kwargs.get("strict_max"))
        if low > high or strict:
            than = "as great as" if strict else "greater than"
            raise ConfigError(
                f"{file}: {where}.{key}: {low:g} is {than} {other}, {high:g}: no value is within",
                remedy="leave strict_min and strict_max out" if strict else f"exchange them, or raise {other}",
            )
    numbers = {key: value for key, value in kwargs.items() if _number(value)}
    for key, value in numbers.items():
        if key == "mostly" and not 0 <= value <= 1:
            raise _refused(file, where, key, value, "is no share: from 0 to 1", "95 % is 0.95")
        if key in ("min_value", "max_value") and kwargs.get("column") in _UNIT and not 0 <= value <= 1:
            lies = f"is no bound of {kwargs['column']}, which is from 0 to 1"
            raise _refused(file, where, key, value, lies, "5 % is 0.05")
        counts = "_count_to_" in item.type and key in ("min_value", "max_value", "value")
        if (counts or key == "threshold") and value < 0:
            raise _refused(file, where, key, value, "is negative", "give 0 or more")
    if kwargs.get("value_set") == []:
        raise ConfigError(f"{file}: {where}.value_set: is empty", remedy="name the values that are meant")
    _check_quantiles(kwargs.get("quantile_ranges"), file, f"{where}.quantile_ranges")


def _pairs(kwargs: dict[str, Any]) -> Iterator[tuple[str, str, float, float]]:
    """Lower and upper bounds that both are numbers, with their names."""
    for key, low in kwargs.items():
        other = "max_" + key.removeprefix("min_")
        if key.startswith("min_") and _number(low) and _number(kwargs.get(other)):
            yield key, other, low, kwargs[other]


def _check_quantiles(given: Any, file: Path, where: str) -> None:
    if not isinstance(given, dict):
        return
    for key, value in enumerate(given.get("quantiles") or ()):
        if not _number(value) or not 0 <= value <= 1:
            raise ConfigError(f"{file}: {where}.quantiles.{key}: {value!r} is no quantile", remedy="from 0 to 1")
    for key, pair in enumerate(given.get("value_ranges") or ()):
        if isinstance(pair, list) and len(pair) == 2 and all(map(_number, pair)) and pair[0] > pair[1]:
            raise ConfigError(
                f"{file}: {where}.value_ranges.{key}: {pair[0]:g} is greater than {pair[1]:g}: no value is within",
                remedy="exchange them",
            )


def _refused(file: Path, where: str, key: str, value: float, problem: str, remedy: str) -> ConfigError:
    return ConfigError(f"{file}: {where}.{key}: {value:g} {problem}", remedy=remedy)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
