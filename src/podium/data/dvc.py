"""Have DVC record the data set: its bytes in the cache, its version in ``data.dvc``, with Podium's note on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

from podium import atomic
from podium.data.restore import is_embedded, is_recorded, recorded_note, restore
from podium.data.store import read_manifest
from podium.errors import DataError

Tracked = Literal["recorded", "unchanged", "no repository"]
_LONGEST: Final = 2000
"""Characters of what DVC said that are shown."""


def keep_in_cache(data: Path, record: Path) -> bool:
    """Commit a data set to DVC's cache if ``record`` names exactly this version.

    Args:
        data: Folder of the data set.
        record: Its ``.dvc`` file; DVC's repository is the folder that it lies in.

    Returns:
        Whether it was committed; False where DVC does not track this version.

    Raises:
        DataError: DVC refused.
    """
    if not (record.parent / ".dvc").is_dir() or not is_recorded(data, record):
        return False
    record = _writable(data, record)
    _dvc(
        record,
        ["commit", "--quiet", "--force", record.name],
        failure="DVC could not store the data set in its cache",
        remedy=f"the data set is in place; mend the cause and run `dvc commit {record.name}`",
    )
    return True


def track(data: Path, record: Path, digest: str, *, source: str | None = None) -> Tracked:
    """Record the version that ``data`` holds, as ``dvc add`` does: bytes into the cache, their hash into ``record``.

    The record's note ``meta: podium:`` becomes that of this version; other keys of the file stay. The note of the old
    version goes before the hash changes and the new one comes after it, so that a crash at any point leaves a record
    whose note and hash agree: at worst the hash is the old one, which the same import mends.

    Args:
        data: Folder of the data set; lies beside ``record``.
        record: Its ``.dvc`` file (``data.dvc``); DVC's repository is the folder that it lies in.
        digest: The data set's digest.
        source: Name of the embedded source that gives this very data set; None if it comes from elsewhere.

    Returns:
        ``recorded`` (the file has changed), ``unchanged``, or ``no repository`` (nothing was done).

    Raises:
        DataError: DVC refused; the data set is in place, and the remedy names the command that records it.
    """
    if not (record.parent / ".dvc").is_dir():
        return "no repository"
    note = {"digest": digest} | ({"source": source} if source else {})
    before = record.read_bytes() if record.is_file() else b""
    if before:
        _write_note(record, None, unless=note)
    _dvc(
        record,
        ["add", "--quiet", data.name],
        failure=f"DVC could not record the new version of {data.name}/, which is in place",
        remedy=f"mend the cause and run `dvc add {data.name}`, or the same import again",
    )
    _write_note(record, note)
    return "unchanged" if record.read_bytes() == before else "recorded"


def fetch(data: Path, record: Path) -> bool:
    """Bring ``data`` to the version that ``record`` names, from DVC's cache or remote; embedded ones are made anew.

    Returns:
        Whether there was anything to do.

    Raises:
        DataError: DVC refused, or has no such version. A data set in place that DVC does not know is left alone.
    """
    recorded = recorded_note(record)
    here = data.exists()
    if recorded is None or (here and read_manifest(data).digest == recorded):
        return False
    if not here and is_embedded(record):
        restore(data, record)
        keep_in_cache(data, record)  # DVC does not replace what it does not know
        return True
    _dvc(
        _writable(data, record),
        ["pull", "--quiet", record.name],
        failure=f"DVC could not fetch the recorded version of {data.name}/",
        remedy=f"look at the remote; if the data set in {data.name}/ was never recorded, do so: `dvc add {data.name}`",
    )
    return True


def _writable(data: Path, record: Path) -> Path:
    """The record of a repository that DVC can write to.

    DVC writes beside the data set. In a read-only checkout whose data set is a link to elsewhere, as in the image for
    Kubernetes, there is a repository there, too: with the same record, configuration and remotes, and its own cache.

    Raises:
        DataError: The link leads to a folder of another name than DVC's record tells.
    """
    if not data.is_symlink() or os.access(record.parent, os.W_OK):
        return record
    place = data.resolve()
    if place.name != data.name:
        raise DataError(f"{data}: is a link to {place}", remedy=f"have it lead to a folder called {data.name}, too")
    for file in (record, *(record.parent / ".dvc" / name for name in ("config", "config.local"))):
        if file.is_file():
            atomic.write_bytes(place.parent / file.relative_to(record.parent), file.read_bytes())
    return place.parent / record.name


def tracking(data: Path, record: Path, digest: str, *, source: str | None = None) -> str:
    """Record a version as :func:`track` does, and say in a sentence what was done. Raises as it does."""
    return {
        "recorded": f"DVC records this version: commit {record.name}, and `dvc push` it",
        "unchanged": "DVC records this version",
        "no repository": f"{record.parent} is no DVC repository, so that DVC does not record this version (`dvc init`)",
    }[track(data, record, digest, source=source)]


def _write_note(record: Path, note: dict[str, str] | None, *, unless: dict[str, str] | None = None) -> None:
    """Replace ``meta: podium:`` of a ``.dvc`` file, or remove it (None); nothing if it is ``unless`` already."""
    from dvc.exceptions import DvcException
    from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update  # these keep comments and order

    try:
        content: dict[str, Any] = parse_yaml_for_update(record.read_text(encoding="utf-8"), str(record))
        meta = content.setdefault("meta", {})
        old = meta.pop("podium", None)
    except (OSError, ValueError, DvcException, AttributeError, TypeError) as error:
        raise DataError(
            f"{record}: not a .dvc file, so the imported data set, which is in place, could not be recorded ({error})",
            remedy=f"restore it with `git checkout {record.name}`, or remove it; then run the same import again",
        ) from None
    if old == note or (unless is not None and old == unless):
        return
    if note:
        meta["podium"] = note
    if not meta:
        del content["meta"]
    atomic.write_text(record, dumps_yaml(content))


def _dvc(record: Path, arguments: Sequence[str], *, failure: str, remedy: str) -> None:
    """Run DVC in the folder of ``record``; DataError with what it said if it fails."""
    command = [sys.executable, "-m", "dvc", *arguments]
    environment = os.environ | {"DVC_NO_ANALYTICS": "true"}
    done = subprocess.run(
        command, cwd=record.parent, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-_LONGEST:]
        raise DataError(f"{record}: {failure}: {said}", remedy=remedy)
