"""Where a command is to write: looked at before it starts to work, which may take minutes."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from podium.errors import ConfigError

_REMEDY: Final = "name a file in a folder that can be written to"


def ensure_writable(**files: Path | None) -> None:
    """Refuse files that cannot be written, before anything is measured. Nothing is left behind.

    Args:
        files: By option, ``data_docs`` for ``--data-docs``; None is an option that was not given.

    Raises:
        ConfigError: Names option, path and remedy.
    """
    taken: dict[str, str] = {}
    for name, path in files.items():
        if path is None:
            continue
        option = f"--{name.replace('_', '-')}"
        _check(option, path, _REMEDY)
        if path.is_dir():
            raise ConfigError(f"{option} {path}: is a folder", remedy="name a file in it")
        other = taken.setdefault(os.path.realpath(path), option)
        if other != option:
            raise ConfigError(f"{option} {path}: {other} names it as well", remedy="name another file")


def ensure_writable_folder(option: str, path: Path | None) -> None:
    """The same for a folder that is to be made or replaced. Raises ConfigError."""
    if path is None:
        return
    _check(option, path, "name a new folder where one can be made")
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{option} {path}: is no folder", remedy="name a new folder")


def _check(option: str, path: Path, remedy: str) -> None:
    """Try the nearest folder above that is there, with a file without a name: permissions alone do not tell."""
    try:
        with suppress(FileNotFoundError):
            os.lstat(path)
        above = next(folder for folder in path.absolute().parents if folder.exists())
        with tempfile.TemporaryFile(dir=above):
            pass
    except (OSError, ValueError) as error:  # a file where a folder should be, a name too long, a null character
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{option} {path}: cannot be written ({reason})", remedy=remedy) from None
