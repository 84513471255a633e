"""Open a version of the data set: a folder, or what a git revision records, without touching the working tree."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from podium.data.restore import rebuild
from podium.data.store import Dataset, open_dataset
from podium.errors import DataError

_MD5: Final = re.compile(r"[0-9a-f]{32}(\.dir)?")
_REMEDY: Final = "name a folder with a data set, or a git revision such as HEAD~1 (`git log -- data.dvc` lists them)"


class NoSuchVersion(DataError):
    """What was asked for is no version of the data set: an argument is refused, nothing is damaged."""

    exit_code = 2


@dataclass(frozen=True)
class Record:
    """What a revision's ``.dvc`` file says."""

    commit: str
    """Full hash."""
    md5: str
    """DVC's hash of the folder, ending in ``.dir``."""
    digest: str | None
    """The data set's digest, if the record has Podium's note."""
    source: str | None = None
    """The embedded source that gave this version, if the note names one."""


@dataclass(frozen=True)
class Revision:
    """A data set that is open, and where it came from."""

    name: str
    """As it was asked for."""
    dataset: Dataset
    record: Record | None
    """None for a folder."""


@contextmanager
def open_revision(name: str | None, data: Path, record: Path) -> Iterator[Revision]:
    """Open a data set for reading; what it needs of DVC's remote is fetched into DVC's cache first.

    A revision's files are read where they lie in DVC's cache; nothing is checked out. What DVC does not have, but an
    embedded source gives (the digits), is imported into a temporary folder. Every byte is verified.

    Args:
        name: A folder with a data set, or else a git revision (commit, branch, tag, ``HEAD~2``); ``data`` if None.
        data: The working data set.
        record: Its ``.dvc`` file; git's and DVC's repositories are asked from the folder that it lies in.

    Raises:
        NoSuchVersion: There is no such folder or revision, or it holds no data set.
        DataError: The data set is damaged, or its bytes are nowhere.
    """
    if name is None or Path(name).is_dir():
        if name is not None and not (Path(name) / "dataset.json").exists():
            raise NoSuchVersion(f"{name}: no data set here (dataset.json is missing)", remedy=_REMEDY)
        dataset = open_dataset(data if name is None else Path(name))
        dataset.verify()
        yield Revision(str(dataset.path) if name is None else name, dataset, None)
        return
    root, recorded = record.parent, read_record(name, record)
    with tempfile.TemporaryDirectory(prefix="podium-revision-") as scratch:
        folder = Path(scratch) / data.name
        try:
            cached = _cached_files(root, name, recorded.md5)
        except DataError as error:
            # A fresh clone has no cache, and needs no remote for what comes with Podium.
            if not _rebuilt(name, recorded, folder, error):
                raise
            cached = {}
        folder.mkdir(exist_ok=True)
        for file, path in cached.items():
            (folder / file).symlink_to(path)
        try:
            dataset = open_dataset(folder)
            dataset.verify()
        except DataError as error:
            raise DataError(
                f"{name}: {error.message.replace(f'{folder}', data.name)}",
                remedy=f"fetch it again: `git checkout {name} {record.name}`, then `dvc fetch`; or compare another one",
            ) from None
        yield Revision(name, dataset, recorded)


def read_record(revision: str, record: Path) -> Record:
    """Read the ``.dvc`` file of a git revision.

    Raises:
        NoSuchVersion: There is no such revision, or it has no such file.
        DataError: The file is malformed.
    """
    root = record.parent
    answer = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if answer is None:
        raise NoSuchVersion(f"{revision!r} is neither a folder nor a git revision of {root}", remedy=_REMEDY)
    commit = answer.decode().strip()
    text = git(root, "show", f"{commit}:./{record.name}")
    if text is None:
        raise NoSuchVersion(f"{revision}: {record.name} is not in that revision ({commit[:12]})", remedy=_REMEDY)
    try:
        content: dict[str, Any] = yaml.safe_load(text)
        md5 = next(str(out["md5"]) for out in content["outs"] if out["path"] == record.stem)
        if not _MD5.fullmatch(md5) or not md5.endswith(".dir"):
            raise ValueError(f"md5 is {md5!r}")
        note = (content.get("meta") or {}).get("podium") or {}
        told = {key: value for key in ("digest", "source") if isinstance(value := note.get(key), str)}
        return Record(commit, md5, told.get("digest"), told.get("source"))
    except (StopIteration, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        reason = str(error) or f"no output is called {record.stem!r}"
        raise DataError(
            f"{revision}: {record.name} is not a .dvc file of a folder ({reason})", remedy=_REMEDY
        ) from None


def _rebuilt(revision: str, recorded: Record, folder: Path, missing: DataError) -> bool:
    """Import what an embedded source gives. Raises DataError if that is another version by now."""
    if not recorded.source or not recorded.digest:
        return False
    found = rebuild(recorded.source, folder)
    if found and found.digest != recorded.digest:
        raise DataError(
            f"{missing.message}; {recorded.digest[:12]} is recorded, the import of {recorded.source!r} gives"
            f" {found.digest[:12]} with this version of Podium",
            remedy=f"{missing.remedy}; or import it with the Podium of {revision} and name that folder instead",
        )
    return found is not None


def git(root: Path, *arguments: str) -> bytes | None:
    """What a git command prints; None if it fails, or where there is no git."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _cached_files(root: Path, revision: str, md5: str) -> dict[str, Path]:
    """Name and place in DVC's cache of every file of a folder; what is missing there is fetched from the remote.

    With the current configuration, not that revision's: an address or a login may have changed since.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.ERROR)  # what it warns of is told below
    try:
        with closing(Repo(str(root))) as repo:
            reason = _fetch(repo, [md5])
            files = {} if reason else _listed(repo, md5)
            reason = reason or _fetch(repo, files.values())
            places = {name: Path(repo.cache.local.oid_to_path(hashed)).absolute() for name, hashed in files.items()}
    except DvcException as error:
        raise DataError(
            f"{revision}: its bytes are in DVC's keeping, but {root} cannot be opened by DVC ({error})",
            remedy="run `dvc init` and name the remote that holds them: `dvc remote add --default storage ADDRESS`",
        ) from None
    if reason:
        raise DataError(
            f"{revision}: the data set ({md5}) is neither in DVC's cache nor in its remote ({reason})",
            remedy="run `dvc push` where it was imported, or check `dvc remote list` and the access to it",
        )
    return places


def _fetch(repo: Any, hashes: Collection[str]) -> str:
    """Bring objects into the cache that are not there. Returns why one is still missing; nothing if all is well.

    One by one, since DVC takes a folder for complete whose list of files is in the cache.
    """
    from dvc_data.hashfile.hash_info import HashInfo

    def missing() -> list[str]:
        return [hashed for hashed in hashes if not Path(repo.cache.local.oid_to_path(hashed)).is_file()]

    if not (wanted := missing()):
        return ""
    reason = ""
    try:
        storage = repo.cloud.get_remote_odb(command="pull")
        storage.verify = True  # compare what comes with its hash, whatever the remote's configuration trusts
        repo.cloud.pull([HashInfo("md5", hashed) for hashed in wanted], odb=storage)
    except Exception as error:  # noqa: BLE001 - of whatever library the remote's protocol has
        reason = ": " + " ".join(f"{type(error).__name__}: {error}".split())[:500]
    gone = missing()
    return f"{len(gone)} of {len(wanted)} objects are missing{reason}" if gone else ""


def _listed(repo: Any, md5: str) -> dict[str, str]:
    """The files of a folder with their hashes."""
    listing = Path(repo.cache.local.oid_to_path(md5))
    try:
        entries = [(str(entry["relpath"]), str(entry["md5"])) for entry in json.loads(listing.read_bytes())]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{listing}: not a list of files ({error})", remedy="remove it and run the command again: it is fetched"
        ) from None
    # A data set has no folders, and what comes from a remote must not lead out of ours.
    return {name: hashed for name, hashed in entries if Path(name).name == name != ".." and _MD5.fullmatch(hashed)}
