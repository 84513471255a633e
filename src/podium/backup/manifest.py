"""What a backup holds: ``manifest.json`` in its folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from podium.config import Frozen
from podium.errors import BackupError

MANIFEST: Final = "manifest.json"
OBJECTS: Final = "objects"
"""The folder beside the backups in which files are kept by their digest, each once."""
Kind = Literal["sqlite", "postgresql", "mysql"]


class Dump(Frozen):
    """One database."""

    file: str
    """In the backup's folder."""
    kind: Kind
    digest: str


class Entry(Frozen):
    """One file of a tree."""

    digest: str
    size: int
    """Bytes."""
    stamp: str
    """Changes when the file does, as far as its place tells; the next backup reads what has another one."""


class Tree(Frozen):
    """A folder, or objects with a prefix in a bucket."""

    uri: str
    entries: dict[str, Entry]


class Manifest(Frozen):
    """A backup."""

    schema_version: Literal[1] = 1
    podium: str
    """The version that made it."""
    time: datetime
    """UTC."""
    state: str
    """The state folder; ZenML's local store holds its path."""
    databases: dict[str, Dump]
    trees: dict[str, Tree]
    events: int
    """Of the decision log."""
    last_hash: str | None
    """Of its last event."""


def read(folder: Path) -> Manifest:
    """The manifest of a backup. Raises BackupError if there is none, or another version wrote it."""
    file = folder / MANIFEST
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise BackupError(f"{folder}: no backup", remedy="name a folder that `podium backup` told") from None
    except ValidationError as error:
        raise BackupError(f"{file}: not a readable manifest ({error})", remedy="use the Podium that wrote it") from None
