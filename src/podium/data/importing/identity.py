"""Whether an import is the one that left decoded images behind."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import PIL
import simplejpeg

from podium.data.importing.listing import Part


def fingerprint(parts: Sequence[Part], how: str) -> str:
    """Identity of an import as far as decoding goes: files with size and time, names, decoders, size."""
    digest = hashlib.sha256(f"3 {PIL.__version__} {simplejpeg.__version__} {how}".encode())
    for part in parts:
        count = len(part.labels)
        digest.update(f"\n{count}".encode())
        for file in part.files:
            try:
                known = file.stat()
                line = f"\n{file.absolute()}\0{known.st_size}\0{known.st_mtime_ns}"
            except OSError:
                line = f"\n{file.absolute()}\0missing"
            digest.update(line.encode("utf-8", "backslashreplace"))
        for start in range(0, count, 4096):
            names = "\0".join(part.name(row) for row in range(start, min(start + 4096, count)))
            digest.update(names.encode("utf-8", "backslashreplace"))
    return digest.hexdigest()
