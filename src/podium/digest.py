"""SHA-256 digests of files, directories and JSON values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def digest_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes (read in blocks)."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_json(value: Any) -> str:
    """Return the SHA-256 of a JSON-serializable value in canonical form (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_directory(path: Path) -> str:
    """Return the SHA-256 over the relative names and the digests of all files below ``path``."""
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return digest_json({p.relative_to(path).as_posix(): digest_file(p) for p in files})
