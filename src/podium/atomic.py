"""Atomic writes: a reader sees the old content or the new one, never half of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``; parents are made. Raises OSError and leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: Path, content: str) -> None:
    """Replace ``path`` by ``content`` in UTF-8."""
    write_bytes(path, content.encode())


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield an empty sibling directory that replaces ``path`` when the block ends without error.

    The old directory is moved aside first and removed last, so that a crash leaves either the old or the new
    one in place (there are microseconds in which neither is: the old one then lies beside it as ``.NAME.old-*``).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.new-"))
    fresh.chmod(0o755)
    try:
        yield fresh
        for file in fresh.rglob("*"):
            if file.is_file():
                _sync(file)
        if path.exists():
            aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old-"))
            os.replace(path, aside / path.name)
            try:
                os.replace(fresh, path)
            except OSError:
                os.replace(aside / path.name, path)
                raise
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        else:
            os.replace(fresh, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
