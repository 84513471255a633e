"""Put an imported data set in its place without losing what is there."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal, NamedTuple

from podium import atomic
from podium.data.manifest import Manifest
from podium.data.store import open_dataset, read_manifest
from podium.errors import DataError

_WORK: Final = ".work"
"""How the folder of decoded images is called that the engine leaves for an import that can go on."""


class Installed(NamedTuple):
    """The data set that lies at the target now, and whether the import changed anything."""

    manifest: Manifest
    outcome: Literal["written", "replaced", "unchanged"]


def install(target: Path, importer: Callable[[Path], Manifest], *, name: str, force: bool = False) -> Installed:
    """Run an importer beside ``target`` and move the result there once it is complete.

    The same content is left untouched (or repaired, if its files are damaged); another data set is replaced only with
    ``force``, and a folder that is no data set never. A stopped or failed import leaves ``target`` as it was.

    Args:
        target: Folder of the data set.
        importer: Writes a data set into the folder that it is given.
        name: Name that the importer will give the data set; lets a refusal come before the work.
        force: Replace a data set of other content.

    Raises:
        DataError: ``target`` holds something else, another import is writing there, or the importer failed.
    """
    before = _existing(target, force=force)
    if before and before.name != name and not force:
        raise _refusal(target, before, f"{name!r} would replace it")
    with _staging(target) as staging:
        fresh = importer(staging / "data")
        if before and before.digest != fresh.digest and not force:
            raise _refusal(target, before, f"the import gives {_short(fresh)}")
        if before == fresh and _intact(target):
            return Installed(fresh, "unchanged")
        with atomic.new_directory(target) as folder:
            for file in (staging / "data").iterdir():
                os.replace(file, folder / file.name)
    return Installed(fresh, "replaced" if before else "written")


def _existing(target: Path, *, force: bool) -> Manifest | None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return None
    if not (target / "dataset.json").is_file():
        raise DataError(
            f"{target}: holds something that is no data set, and is never replaced",
            remedy="name another folder with --target",
        )
    try:
        return read_manifest(target)
    except DataError as error:
        if not force:
            raise DataError(error.message, remedy="replace it with --force, or name another --target") from None
        return None


def _intact(target: Path) -> bool:
    try:
        open_dataset(target).verify()
    except DataError:
        return False
    return True


def _refusal(target: Path, before: Manifest, reason: str) -> DataError:
    return DataError(
        f"{target}: holds the data set {_short(before)}; {reason}",
        remedy="replace it with --force, or name another --target",
    )


def _short(manifest: Manifest) -> str:
    return f"{manifest.name!r} ({manifest.digest[:12]})"


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Yield a folder beside ``target``, for one import at a time.

    What a killed import left in it is removed, but for the decoded images of one that can go on (``.NAME.work``); they
    also stay where an import fails and leaves them. After success nothing stays.
    """
    folder = target.parent / f".{target.name}.import"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unwritable(target, error) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            current = folder.stat().st_ino == os.fstat(handle).st_ino
        except (BlockingIOError, FileNotFoundError):
            current = False
        if not current:
            raise DataError(f"{target}: another import is writing there", remedy="wait until it has finished")
        _empty(folder)
        try:
            yield folder
        except BaseException as error:
            _empty(folder)
            with suppress(OSError):
                folder.rmdir()  # unless decoded images are to stay
            if isinstance(error, OSError):
                raise _unwritable(target, error) from None
            raise
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name.endswith(_WORK):
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _unwritable(target: Path, error: OSError) -> DataError:
    reason = error.strerror or f"No space left, it seems: {error}"  # numpy does not tell why a write fell short
    return DataError(
        f"{target}: the data set cannot be written ({reason})",
        remedy="free disk space or name a writable --target; nothing was changed",
    )
