"""Bring a backup back into an empty place, and prove that it is what was taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from podium.backup.databases import kind_of, load, replace_prefix, shown, tables
from podium.backup.manifest import OBJECTS, Manifest, read
from podium.backup.places import MLFLOW, ZENML, ZENML_STACKS, Places, Zenml, places
from podium.backup.trees import files_at
from podium.digest import digest_file
from podium.errors import BackupError
from podium.registry.log import EventLog
from podium.settings import Settings
from podium.wording import plural

_LOCATIONS: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow 3 that hold addresses of artifacts."""


def restore(settings: Settings, folder: Path, zenml: Zenml, tell: Callable[[str], None]) -> Manifest:
    """Fill the places that the settings name, which have to be empty, from a backup.

    MLflow's artifacts may go to another folder or bucket than they were in: its tables are changed accordingly.

    Args:
        settings: The installation to be.
        folder: What :func:`podium.backup.take` returned.
        zenml: Where ZenML's store is to be.
        tell: Gets a line for each thing that was brought back.

    Raises:
        BackupError: A place is not empty, or the backup is not whole. Nothing was written then; only a fault of the
            disk or of a server can end it in the middle.
    """
    manifest = read(folder)
    if not zenml.wanted:
        manifest = _without_zenml(manifest)
    target = places(settings, zenml, settings.artifact_root or settings.artifacts.as_uri())
    refusals = [*_other_places(manifest, target, settings), *_occupied(manifest, target), *_damage(manifest, folder)]
    if refusals:
        raise BackupError("; ".join(refusals[:5]), remedy="nothing was changed; restore into an empty place")
    for name, tree in manifest.trees.items():
        files = files_at(target.trees[name])
        for path, entry in tree.entries.items():
            files.put(path, _object(folder, entry.digest))
        tell(f"files of {name}: {plural(len(tree.entries), 'file')}")
    for name, dump in manifest.databases.items():
        load(target.databases[name], folder / dump.file)
        tell(f"{name}: {shown(target.databases[name])}")
    old, new = manifest.trees[MLFLOW].uri, target.trees[MLFLOW]
    if MLFLOW in manifest.databases and old.rstrip("/") != new.rstrip("/"):
        replace_prefix(target.databases[MLFLOW], _LOCATIONS, old.rstrip("/"), new.rstrip("/"))
        tell(f"MLflow's artifacts: {new}, no longer {old}")
    _prove(settings, manifest)
    return manifest


def _without_zenml(manifest: Manifest) -> Manifest:
    databases = {name: dump for name, dump in manifest.databases.items() if not name.startswith(ZENML)}
    trees = {name: tree for name, tree in manifest.trees.items() if not name.startswith(ZENML)}
    return manifest.model_copy(update={"databases": databases, "trees": trees})


def _other_places(manifest: Manifest, target: Places, settings: Settings) -> Iterator[str]:
    """Where the installation is to be another one than the backup's."""
    for name, dump in manifest.databases.items():
        uri = target.databases.get(name)
        if uri is None:
            yield f"the backup has a database {name}, for which no place is named"
        elif kind_of(uri) != dump.kind:
            yield f"{shown(uri)}: {name} was in {dump.kind}"
    for name in manifest.trees.keys() - target.trees.keys():
        yield f"the backup has files of {name}, for which no place is named"
    kept = any(name in manifest.trees and manifest.trees[name].entries for name in (ZENML, ZENML_STACKS))
    if kept and manifest.state != str(settings.state):
        yield f"ZenML's local store holds the path {manifest.state}: restore it there, or leave it out (--no-zenml)"


def _occupied(manifest: Manifest, target: Places) -> Iterator[str]:
    for name in manifest.databases.keys() & target.databases.keys():
        if found := tables(target.databases[name]):
            yield f"{shown(target.databases[name])}: has {plural(found, 'table')} already"
    for name in manifest.trees.keys() & target.trees.keys():
        if next(files_at(target.trees[name]).stamps(), None) is not None:
            yield f"{target.trees[name]}: has files already"


def _damage(manifest: Manifest, folder: Path) -> Iterator[str]:
    """What of a backup is missing, or not what was written."""
    wanted = {folder / dump.file: dump.digest for dump in manifest.databases.values()}
    for tree in manifest.trees.values():
        wanted |= {_object(folder, entry.digest): entry.digest for entry in tree.entries.values()}
    for file, digest in wanted.items():
        if not file.is_file():
            yield f"{file}: is missing"
        elif digest_file(file) != digest:
            yield f"{file}: was changed since the backup"


def _object(folder: Path, digest: str) -> Path:
    return folder.parent / OBJECTS / digest[:2] / digest


def _prove(settings: Settings, manifest: Manifest) -> None:
    log = EventLog(settings.reviews)
    log.verify()
    events = log.events()
    if (len(events), events[-1].hash if events else None) != (manifest.events, manifest.last_hash):
        raise BackupError(
            f"{log.place}: {len(events)} events were restored, the backup was taken at event {manifest.events}",
            remedy="don't use it: look for what else writes there",
        )
