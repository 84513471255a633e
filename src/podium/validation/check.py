"""Refuse expectations that cannot be meant: unknown names, contradictory bounds, words that nothing fills in."""

from __future__ import annotations

import functools
import importlib.util
import re
from pathlib import Path

from podium.config.load import nearest, parse
from podium.errors import ConfigError
from podium.validation.bounds import check_bounds, finite
from podium.validation.expectations import EXPECTATIONS
from podium.validation.expected import Expected
from podium.validation.measures import COLUMNS, WORDS
from podium.validation.words import PLACEHOLDER


def check(item: Expected, file: Path, where: str) -> None:
    """Refuse what does not exist, what no data can meet or fail, and words that nothing fills in.

    Types and missing keyword arguments of Great Expectations' own expectations are left to it (``judge.build``).

    Args:
        item: One expectation.
        file: Where it stands.
        where: Its path there.

    Raises:
        ConfigError: Names file, path, value and remedy.
    """
    _check_names(item, file, where)
    finite(item.kwargs, file, f"{where}.kwargs")
    if item.type in EXPECTATIONS:
        parse(EXPECTATIONS[item.type].kwargs, item.kwargs, file, f"{where}.kwargs")
    else:
        check_bounds(item, file, f"{where}.kwargs")
    _check_words(item, file, f"{where}.meta")


def _check_names(item: Expected, file: Path, where: str) -> None:
    """Types, tables and columns."""
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


def _check_words(item: Expected, file: Path, where: str) -> None:
    """Placeholders of ``meta``: each must be filled in when it comes to be read."""
    if item.type in EXPECTATIONS:
        known = {"observed", *EXPECTATIONS[item.type].kwargs.model_fields, *EXPECTATIONS[item.type].details}
    else:
        known = {"observed", *item.kwargs}
    known |= {name for name in COLUMNS[item.table] if item.table == "split"}
    texts = {"expected": item.meta.expected, "found": item.meta.found, "remedy": item.meta.remedy}
    for key, text in texts.items():
        _check_text(text, known, file, f"{where}.{key}", "a keyword argument of this expectation")
    of_table = f"a column of the table {item.table!r}"
    _check_text(item.meta.reason, set(COLUMNS[item.table]), file, f"{where}.reason", of_table)


def _check_text(text: str, known: set[str], file: Path, where: str, kind: str) -> None:
    for name in PLACEHOLDER.findall(text):
        if name not in known:
            advice = nearest(name, known)
            listed = "" if advice.startswith("use") else f" Known are: {', '.join(sorted(known))}"
            raise ConfigError(
                f"{file}: {where}: {{{name}}} is neither {kind} nor anything else that is known here",
                remedy=f"{advice}{listed}",
            )
    if stray := re.search(r"\{[^{}]*\}|[{}]", PLACEHOLDER.sub("", text)):
        raise ConfigError(
            f"{file}: {where}: {stray[0]!r} is no placeholder", remedy="write {observed}, or another name in braces"
        )


@functools.cache
def core_types() -> frozenset[str]:
    """The expectations that Great Expectations ships, read from its file names: importing it takes seconds."""
    package = importlib.util.find_spec("great_expectations")
    if package is None or not package.submodule_search_locations:
        return frozenset()
    folder = Path(package.submodule_search_locations[0]) / "expectations" / "core"
    return frozenset(path.stem for path in folder.glob("expect_*.py"))
