"""Strict YAML: duplicate keys are refused, and ``1e-3`` is a number."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from podium.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """SafeLoader without YAML 1.1's two traps, that tells where a value is no number or date."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # of 5,000 digits, or in month 13
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, (list, dict)):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a plain value", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        seen.add(key)
    loader.flatten_mapping(node)
    return {loader.construct_object(k, deep=True): loader.construct_object(v, deep=True) for k, v in node.value}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
# YAML 1.1 wants a dot in floats: without this, 1e-3 is text. As in YAML 1.2's core schema.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)


def load_yaml(path: Path, *, remedy: str = "start from configs/quickstart.yaml") -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping; ``remedy`` is told where it is none.

    Raises:
        ConfigError: The file cannot be read, is no valid YAML, has a key twice, or holds no mapping.
    """
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - derives from SafeLoader
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file", remedy="name a file, such as configs/quickstart.yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})", remedy="give a readable UTF-8 text file") from None
    except RecursionError:
        raise ConfigError(f"{path}: lists or mappings lie too deep in each other", remedy="correct the YAML") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{path}:{where} {problem}", remedy="correct the YAML there") from None
    if not isinstance(value, dict):
        found = {type(None): "nothing", list: "a list", str: "a text"}.get(type(value), repr(value))
        raise ConfigError(f"{path}: holds {found}, not a mapping", remedy=remedy)
    return value
