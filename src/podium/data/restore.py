"""Make the data set be what ``data.dvc`` records, without asking DVC where that is not needed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from podium.config.base import Frozen
from podium.data.importing import install
from podium.data.manifest import Manifest
from podium.data.sources import SOURCES
from podium.data.store import open_dataset
from podium.errors import DataError


class Restored(NamedTuple):
    """The data set in place, and what was done to have it there."""

    manifest: Manifest
    outcome: Literal["kept", "imported", "fetched"]


class _Note(Frozen):
    """``meta: podium:`` of a ``.dvc`` file, which DVC keeps but does not read (nor renew)."""

    digest: str
    source: str | None = None
    """The embedded source that gives this version; None if it came from elsewhere."""


def restore(data: Path, record: Path) -> Restored:
    """Bring ``data`` to the version that ``record`` names, if that needs no download.

    What is there is kept if it is the recorded version: by the digest in the record's ``meta: podium:``, or else by
    DVC's own hash over all files; every byte of it is read and compared with its manifest. If nothing is there and the
    note names an embedded source, that is imported.

    Args:
        data: Folder of the data set.
        record: The ``.dvc`` file that tracks it.

    Raises:
        DataError: The record is missing or malformed, the data set is damaged, or the recorded version has to be
            fetched by DVC.
    """
    output, note = _read(record, data.name)
    pull = f"fetch the recorded one with `dvc pull --force {record.name}`"
    if data.exists():
        dataset = open_dataset(data)
        manifest = dataset.manifest
        if (note and manifest.digest == note.digest) or _dvc_hash(data) == output:
            dataset.verify()
            return Restored(manifest, "kept")
        raise DataError(
            f"{data}: holds the data set {manifest.name!r} ({manifest.digest[:12]}), not the one that {record} records",
            remedy=f"{pull}, or record this one with `dvc add {data.name}`",
        )
    source = SOURCES.get(note.source) if note and note.source else None
    embedded = source.embedded if source else None
    if note is None or note.source is None or embedded is None:
        raise DataError(f"{data}: no data set here, and none that is embedded is recorded in {record}", remedy=pull)

    def importer(target: Path) -> Manifest:
        manifest = embedded(target)
        if manifest.digest != note.digest:
            raise DataError(
                f"{record}: records {note.digest[:12]}, the import of {note.source!r} gives {manifest.digest[:12]}",
                remedy=f"{pull}, or record the new version: `podium data import {note.source}`",
            )
        return manifest

    place = data.resolve() if data.is_symlink() else data  # what is written lies beside it at first
    return Restored(install(place, importer, name=note.source).manifest, "imported")


def rebuild(source: str, target: Path) -> Manifest | None:
    """Import an embedded source into ``target``, a folder that does not exist; None if there is no such source."""
    embedded = SOURCES[source].embedded if source in SOURCES else None
    return embedded(target) if embedded else None


def recorded_hash(data: Path, record: Path) -> str | None:
    """Return DVC's hash from ``record`` if that is the one of what ``data`` holds now; None otherwise.

    None also where there is no such record, or it is not that of ``data``. Reads every byte.

    Raises:
        DataError: The record is malformed.
    """
    if not record.is_file() or record.name != f"{data.name}.dvc":
        return None
    output, _ = _read(record, data.name)
    return output if _dvc_hash(data) == output else None


def recorded_note(record: Path) -> str | None:
    """The digest of the data set that ``record`` names, by Podium's note in it; None without record or note.

    Raises:
        DataError: The record is malformed.
    """
    if not record.is_file():
        return None
    note = _read(record, record.name.removesuffix(".dvc"))[1]
    return note.digest if note else None


def is_embedded(record: Path) -> bool:
    """Whether the data set that ``record`` names comes with Podium. Raises DataError if the record is malformed."""
    note = _read(record, record.name.removesuffix(".dvc"))[1]
    source = SOURCES.get(note.source) if note and note.source else None
    return bool(source and source.embedded)


def is_recorded(data: Path, record: Path) -> bool:
    """Whether ``record`` is a .dvc file that names this very content of ``data``. Raises as ``recorded_hash``."""
    return recorded_hash(data, record) is not None


def _read(record: Path, name: str) -> tuple[str, _Note | None]:
    """Return DVC's hash of the output called ``name``, and Podium's note if there is one."""
    try:
        content: dict[str, Any] = yaml.safe_load(record.read_text(encoding="utf-8"))
        hashes = [str(output["md5"]) for output in content["outs"] if output["path"] == name]
        if len(hashes) != 1:
            raise ValueError(f"{len(hashes)} outputs are called {name!r}")
        note = (content.get("meta") or {}).get("podium")
        return hashes[0], _Note.model_validate(note) if note else None
    except FileNotFoundError:
        raise DataError(
            f"{record}: no such file", remedy="record the data set with `dvc add data`, or import one"
        ) from None
    except (OSError, ValueError, yaml.YAMLError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise DataError(
            f"{record}: not a .dvc file of {name} ({error})",
            remedy=f"restore it with `git checkout`, or record the data set with `dvc add {name}`",
        ) from None


def _dvc_hash(folder: Path) -> str:
    """Hash a folder as DVC does: MD5 over the list of its files with the MD5 of each."""
    files = sorted((file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file())
    entries = [{"md5": _md5(file), "relpath": name} for name, file in files]
    text = json.dumps(entries, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + ".dir"


def _md5(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
