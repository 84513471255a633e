"""Suites of expectations: versioned files under ``configs/validation``, in Great Expectations' own terms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from podium.config.base import Frozen
from podium.config.load import load_yaml, nearest, parse
from podium.errors import ConfigError
from podium.validation.check import check, core_types
from podium.validation.expected import Expected, Suite

__all__ = ["Expected", "Suite", "core_types", "load_suite", "suite_file"]

_SHAPE: Final = "a suite is a mapping such as `extends: default`, with `expectations:` and a list of them"


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
        ConfigError: A file is missing or malformed, an unknown key, type, table, column, placeholder or id is named, or
            an expectation contradicts itself.
    """
    file = suite_file(suite, root)
    merged = _merge(file, root, ())
    expectations = []
    for number, (raw, source) in enumerate(merged.values()):
        where = f"expectations.{raw.get('id', number)}"
        item = parse(Expected, raw, source, where)
        check(item, source, where)
        expectations.append(item)
    if not expectations:
        raise ConfigError(f"{file}: expectations: none are stated", remedy="add `extends: default`, or expectations")
    files = {item.id: str(source) for item, (_, source) in zip(expectations, merged.values(), strict=True)}
    return Suite(name=file.stem, expectations=tuple(expectations), files=files)


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
    content = parse(_File, load_yaml(file, remedy=_SHAPE), file)
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
