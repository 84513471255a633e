"""Take a backup: the databases in one state, under the registry's lock; then their artifacts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

import podium
from podium import atomic
from podium.backup.databases import dump, kind_of, tables
from podium.backup.manifest import MANIFEST, OBJECTS, Dump, Entry, Manifest, Tree, read
from podium.backup.places import PROXIED, Places, Zenml, places
from podium.backup.trees import Files, files_at
from podium.digest import digest_file
from podium.errors import BackupError
from podium.registry import tracking
from podium.registry.log import EventLog
from podium.settings import Settings
from podium.wording import plural


def take(
    settings: Settings, target: Path, zenml: Zenml, tell: Callable[[str], None], *, keep: int | None = None
) -> Path:
    """Write a backup into a new folder below ``target``; files that an earlier one holds are not copied again.

    Args:
        settings: The installation.
        target: The folder of all its backups; made, for its owner alone, if need be.
        zenml: Where ZenML's store is.
        tell: Gets a line for each thing that was copied.
        keep: How many backups are left there, this one included; all by default.

    Returns:
        The backup's folder.

    Raises:
        BackupError: Something cannot be read; no backup is left behind.
        ReviewError: The decision log's chain is broken: it is not made the one to go back to.
    """
    chosen = places(settings, zenml, _artifacts(settings))
    if not target.is_dir():
        target.mkdir(parents=True, mode=0o700)
    with FileLock(target / ".lock"):
        folder = _take(settings, chosen, target, tell)
        if keep is not None:
            _give_up(target, keep, tell)
    return folder


def _take(settings: Settings, chosen: Places, target: Path, tell: Callable[[str], None]) -> Path:
    now = datetime.now(UTC)
    folder = target / f"{now:%Y%m%dT%H%M%SZ}"
    if folder.exists():
        raise BackupError(f"{folder}: is there already", remedy="wait a second")
    earlier = _latest(target)
    with atomic.new_directory(folder) as fresh:
        log = EventLog(settings.reviews)
        databases = {}
        with tracking.registry_lock(settings):
            # The tables before the log: a decision of this moment is then one that `podium review sync` carries out.
            for name, uri in chosen.databases.items():
                if kind_of(uri) == "sqlite" and not tables(uri):
                    tell(f"{name}: nothing there yet")
                    continue
                file = fresh / f"{name}.{'db' if kind_of(uri) == 'sqlite' else 'dump'}"
                dump(uri, file)
                databases[name] = Dump(file=file.name, kind=kind_of(uri), digest=digest_file(file))
                tell(f"{name}: {file.stat().st_size:,} bytes")
            log.verify()
            events = log.events()
        # Artifacts are there before a table names them, so that all that the tables name are among these.
        trees = {}
        for name, uri in chosen.trees.items():
            known = earlier.trees[name] if earlier and name in earlier.trees else None
            trees[name] = _tree(uri, target / OBJECTS, known if known and known.uri == uri else None)
            tell(f"files of {name}: {plural(len(trees[name].entries), 'file')}")
        made = Manifest(
            podium=podium.__version__, time=now, state=str(settings.state), databases=databases, trees=trees,
            events=len(events), last_hash=events[-1].hash if events else None,
        )  # fmt: skip
        atomic.write_text(fresh / MANIFEST, made.model_dump_json(indent=1) + "\n")
    return folder


def _artifacts(settings: Settings) -> str:
    """Where MLflow's artifacts are, by what its experiment says."""
    if not settings.tracking_is_database or not tracking.exists(settings):
        return settings.artifact_root or settings.artifacts.as_uri()
    client = tracking.client(settings)
    told = str(client.get_experiment(tracking.experiment_id(client)).artifact_location)
    if not told.startswith(PROXIED):
        return told
    if settings.artifact_root is None:
        raise BackupError(
            "MLflow's server passes artifacts on, and only it knows where to",
            remedy="set PODIUM_ARTIFACT_ROOT to its --artifacts-destination",
        )
    return settings.artifact_root


def _give_up(target: Path, keep: int, tell: Callable[[str], None]) -> None:
    """Remove old backups, and the files that no other one names."""
    folders = sorted(file.parent for file in target.glob(f"[0-9]*Z/{MANIFEST}"))
    old, left = folders[:-keep], folders[-keep:]
    trees = [tree for folder in left for tree in read(folder).trees.values()]
    wanted = {entry.digest for tree in trees for entry in tree.entries.values()}
    for folder in old:
        shutil.rmtree(folder)
        tell(f"given up: {folder}")
    for file in (target / OBJECTS).glob("[0-9a-f][0-9a-f]/*"):
        if file.name not in wanted:
            file.unlink()


def _latest(target: Path) -> Manifest | None:
    found = sorted(target.glob(f"[0-9]*Z/{MANIFEST}"))
    return read(found[-1].parent) if found else None


def _tree(uri: str, objects: Path, known: Tree | None) -> Tree:
    files = files_at(uri)
    entries = {}
    for path, size, stamp in files.stamps():
        before = known.entries.get(path) if known else None
        if (
            before
            and stamp
            and (before.size, before.stamp) == (size, stamp)
            and _place(objects, before.digest).is_file()
        ):
            entries[path] = before
            continue
        digest = _keep(files, path, objects)
        if digest is not None:
            entries[path] = Entry(digest=digest, size=size, stamp=stamp)
    return Tree(uri=uri, entries=entries)


def _keep(files: Files, path: str, objects: Path) -> str | None:
    """Copy a file among the objects; None if it has vanished since it was listed."""
    objects.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=objects, prefix=".new-") as scratch:
        copied = Path(scratch) / "file"
        try:
            files.fetch(path, copied)
        except FileNotFoundError:
            return None
        digest = digest_file(copied)
        place = _place(objects, digest)
        if not place.is_file():
            with atomic.new_file(place) as fresh:
                copied.replace(fresh)
    return digest


def _place(objects: Path, digest: str) -> Path:
    return objects / digest[:2] / digest
