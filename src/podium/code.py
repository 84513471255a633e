"""Which code a step depends on: the digest of a module and of all podium modules that it imports."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import podium
from podium.digest import digest_directory, digest_file, digest_json
from podium.settings import checkout

_SOURCE = Path(podium.__file__).parent
_BESIDE = ("native", "templates")
"""Folders of a package whose files are code, too."""


def code_digest(*modules: str) -> str:
    """Digest the sources of podium modules, of all in podium that they import, with templates and C, and the lock file.

    Editing the report thus leaves trained models cached, and editing a layer trains anew. Imports are read from the
    source (``ast``), also those inside functions.

    Args:
        modules: Dotted names, such as ``podium.training``.

    Returns:
        Hexadecimal SHA-256.

    Raises:
        ValueError: There is no such module.
    """
    for name in modules:
        if _file(name) is None:
            raise ValueError(f"no module {name}")
    found = sources(*modules)
    files = {name: digest_file(path) for name, path in sorted(found.items())}
    for path in found.values():
        for folder in (path.parent / name for name in _BESIDE if path.name == "__init__.py"):
            if folder.is_dir():
                files[str(folder.relative_to(_SOURCE))] = digest_directory(folder)
    lock = checkout() / "requirements.lock"
    return digest_json(
        {"files": files, "lock": digest_file(lock) if lock.is_file() else None, "python": list(sys.version_info[:2])}
    )


def checkout_digest(root: Path) -> str:
    """Digest all code that runs from a checkout: podium's modules, the steps, the pipelines, and the lock file.

    Args:
        root: The checkout.

    Returns:
        Hexadecimal SHA-256.
    """
    folders = {"podium": _SOURCE, "steps": root / "steps", "pipelines": root / "pipelines"}
    files = {
        f"{name}/{path.relative_to(folder)}": digest_file(path)
        for name, folder in folders.items()
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".py", ".c", ".h"}
    }
    lock = root / "requirements.lock"
    return digest_json({"files": files, "lock": digest_file(lock) if lock.is_file() else None})


def sources(*modules: str) -> dict[str, Path]:
    """The files of podium modules and of all in podium that they import, by name."""
    found: dict[str, Path] = {}
    seen: set[str] = set()  # also names that are no modules: each file system look-up once
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _file(name)
        if path is None:
            continue
        found[name] = path
        waiting += _imports(path.read_text(encoding="utf-8"))
        waiting.append(name.rpartition(".")[0])
    return found


def _file(module: str) -> Path | None:
    if module != "podium" and not module.startswith("podium."):
        return None
    base = _SOURCE.joinpath(*module.split(".")[1:])
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


@functools.cache
def _imports(source: str) -> tuple[str, ...]:
    names: list[str] = []
    for node in _statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """All statements; their expressions, most of a tree, hold no import."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            within = getattr(node, field, None)
            if isinstance(within, list):
                waiting += within
