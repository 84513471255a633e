"""Suites of expectations: versioned files under ``configs/validation``, in Great Expectations' own terms."""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from podium.config.base import Frozen
from podium.config.load import load_yaml, nearest, parse
from podium.errors import ConfigError
from podium.results import SplitName
from podium.validation.expectations import EXPECTATIONS
from podium.validation.measures import COLUMNS, WORDS
from podium.validation.results import Severity

TableName = Literal["images", "classes", "channels", "split", "contracts", "files"]
_SHARED: Final = ("meta", "severity")
_COLUMN_KWARGS: Final = ("column", "column_A", "column_B", "column_list", "column_set")
PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
"""What a text of ``meta`` may hold: a column, a keyword argument, or ``observed``."""


class Meta(Frozen):
    """Words for people. ``{observed}``, keyword arguments and columns of one-row tables are filled in."""

    title: str
    expected: str
    """Such as ``at most {max_count}``."""
    found: str
    """A sentence, such as ``images of one colour: {observed}``."""
    remedy: str = ""
    reason: str = ""
    """Of one offending image; columns of the table ``images`` are filled in."""


class Expected(Frozen):
    """One expectation on one table; it is asked of every split named, and of every candidate's contract."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    table: TableName
    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Severity
    splits: tuple[SplitName, ...] = Field(("train", "validation", "test"), min_length=1)
    meta: Meta

    def named_columns(self) -> list[tuple[str, str]]:
        """Columns that the kwargs name, each with the key's path."""
        found = []
        for key in _COLUMN_KWARGS:
            value = self.kwargs.get(key, ())
            several = isinstance(value, list | tuple)
            found += [(f"{key}.{i}", str(name)) for i, name in enumerate(value)] if several else [(key, str(value))]
        return found

    def needed_columns(self) -> list[str]:
        """Columns without which the expectation cannot be evaluated; any one of the table if it names none."""
        needed = [name for _, name in self.named_columns()]
        needed += EXPECTATIONS[self.type].columns if self.type in EXPECTATIONS else ()
        return needed or [next(name for name in COLUMNS[self.table] if name not in WORDS[self.table])]


class Suite(Frozen):
    """A suite with all that it extends, resolved: its content decides whether a validation can be reused."""

    name: str
    expectations: tuple[Expected, ...]

    def columns(self) -> set[tuple[str, str]]:
        """Tables and columns that the expectations need."""
        needed: set[tuple[str, str]] = set()
        for item in self.expectations:
            named = item.needed_columns()
            named += PLACEHOLDER.findall(item.meta.reason + item.meta.found)
            needed |= {(item.table, name) for name in named if name in COLUMNS[item.table]}
        return needed


class _File(Frozen):
    extends: str | None = None
    drop: tuple[str, ...] = ()
    """Ids of expectations of the extended suite that this one leaves out."""
    expectations: tuple[dict[str, Any], ...] = ()
    """Whole ones, or the ``id`` of an inherited one with what changes."""


def load_suite(suite: str, root: Path) -> Suite:
    """Read a suite and what it extends.

    Args:
        suite: A name (``configs/validation/NAME.yaml``) or the path of a ``.yaml`` file.
        root: The checkout, which paths are relative to.

    Raises:
        ConfigError: A file is missing or malformed, or an unknown key, type, table, column or id is named.
    """
    file = suite_file(suite, root)
    merged = _merge(file, root, ())
    expectations = []
    for number, (raw, source) in enumerate(merged.values()):
        where = f"expectations.{raw.get('id', number)}"
        item = parse(Expected, raw, source, where)
        _check(item, source, where)
        expectations.append(item)
    if not expectations:
        raise ConfigError(f"{file}: expectations: none are stated", remedy="add `extends: default`, or expectations")
    return Suite(name=file.stem, expectations=tuple(expectations))


def suite_file(suite: str, root: Path) -> Path:
    """Return the file that a suite's name or path stands for. Raises ConfigError if there is none."""
    folder = root / "configs" / "validation"
    if suite.endswith((".yaml", ".yml")):
        for path in (Path(suite), root / suite):
            if path.is_file():
                return path
        raise ConfigError(f"{suite}: no such suite", remedy="name a file, or a suite of configs/validation")
    file = folder / f"{suite}.yaml"
    if not re.fullmatch(r"[\w.-]+", suite) or not file.is_file():
        known = [path.stem for path in folder.glob("*.yaml")]
        remedy = nearest(suite, known) if known else f"give {folder} a file of that name"
        raise ConfigError(f"validation.suite: there is no suite {suite!r} in {folder}", remedy=remedy)
    return file


def _merge(file: Path, root: Path, above: tuple[Path, ...]) -> dict[str, tuple[dict[str, Any], Path]]:
    """The expectations of a file by id, each with the file that has the last word on it."""
    if file.resolve() in above:
        raise ConfigError(f"{file}: extends: the suites extend one another", remedy="let one of them extend none")
    content = parse(_File, load_yaml(file), file)
    found: dict[str, tuple[dict[str, Any], Path]] = {}
    if content.extends is not None:
        found = _merge(suite_file(content.extends, root), root, (*above, file.resolve()))
    for left_out in content.drop:
        if left_out not in found:
            remedy = nearest(left_out, found)
            raise ConfigError(f"{file}: drop: there is no {left_out!r} to leave out", remedy=remedy)
        del found[left_out]
    seen: set[str] = set()
    for number, raw in enumerate(content.expectations):
        where = f"{file}: expectations.{number}"
        name = raw.get("id")
        if not isinstance(name, str):
            raise ConfigError(f"{where}.id: is required", remedy="give the expectation a name of its own")
        if name in seen:
            raise ConfigError(f"{where}.id: {name!r} stands twice", remedy="give each expectation a name of its own")
        seen.add(name)
        if name not in found and "type" not in raw:
            advice = nearest(name, found) if found else "give it a type, a table, kwargs, a severity and meta"
            raise ConfigError(f"{where}: {name!r} has no type, and no suite that is extended has it", remedy=advice)
        found[name] = (_overlay(found[name][0], raw) if name in found else raw, file)
    return found


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Replace keys; ``kwargs`` and ``meta`` are merged key by key."""
    merged = {**below, **above}
    for key in ("kwargs", "meta"):
        if isinstance(below.get(key), dict) and isinstance(above.get(key), dict):
            merged[key] = {**below[key], **above[key]}
    return merged


def _check(item: Expected, file: Path, where: str) -> None:
    """Refuse types and columns that do not exist. What Great Expectations says of kwargs, the judge asks it."""
    types = {*EXPECTATIONS, *core_types()}
    if item.type not in types:
        raise ConfigError(
            f"{file}: {where}.type: there is no expectation {item.type!r}", remedy=nearest(item.type, types)
        )
    columns = COLUMNS[item.table]
    for key, name in item.named_columns():
        if name not in columns:
            raise ConfigError(
                f"{file}: {where}.kwargs.{key}: the table {item.table!r} has no column {name!r}",
                remedy=nearest(name, columns),
            )
        if name in WORDS[item.table]:
            raise ConfigError(
                f"{file}: {where}.kwargs.{key}: {name!r} only tells of an offending image",
                remedy="use it in meta.reason",
            )
    if item.type in EXPECTATIONS and item.table not in EXPECTATIONS[item.type].tables:
        tables = ", ".join(EXPECTATIONS[item.type].tables)
        raise ConfigError(f"{file}: {where}.table: {item.type} is about the table {tables}", remedy=f"use {tables}")
    for name in PLACEHOLDER.findall(item.meta.reason):
        if name not in columns:
            raise ConfigError(
                f"{file}: {where}.meta.reason: the table {item.table!r} has no column {name!r}",
                remedy=nearest(name, columns),
            )


@functools.cache
def core_types() -> frozenset[str]:
    """The expectations that Great Expectations ships, read from its file names: importing it takes seconds."""
    package = importlib.util.find_spec("great_expectations")
    if package is None or not package.submodule_search_locations:
        return frozenset()
    folder = Path(package.submodule_search_locations[0]) / "expectations" / "core"
    return frozenset(path.stem for path in folder.glob("expect_*.py"))
