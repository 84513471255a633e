"""Atomic writes: a reader sees the old content or the new one, never half of it, also after a power failure.

What a killed writer leaves behind is called ``.NAME.new-*`` (or ``.NAME.old-*``) and lies beside ``NAME``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_REFUSED: Final = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)
"""What kernels, filesystems and sandboxes answer that cannot exchange two names."""


def write_bytes(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``; parents are made. Raises OSError and leaves the old file."""
    with new_file(path) as fresh:
        fresh.write_bytes(content)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield an empty sibling file that replaces ``path`` when the block ends without error; parents are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.new-")
    os.close(handle)
    fresh = Path(name)
    try:
        yield fresh
        _sync(fresh)
        fresh.chmod(0o644)
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left directly in a folder. Only for who knows that nobody writes there now."""
    for pattern in (".*.new-*", ".*.old-*"):
        for entry in folder.glob(pattern):
            _remove(entry)


def write_text(path: Path, content: str) -> None:
    """Replace ``path`` by ``content`` in UTF-8."""
    write_bytes(path, content.encode())


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield an empty sibling directory that replaces ``path`` when the block ends without error.

    On Linux the two exchange their names in one step. Where the kernel or the filesystem cannot, the old one is
    moved aside first and removed last: a crash in the microseconds in which neither is in place leaves it beside
    as ``.NAME.old-*``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.new-"))
    fresh.chmod(0o755)
    try:
        yield fresh
        for entry in fresh.rglob("*"):
            if entry.is_dir():
                _sync_folder(entry)
            elif entry.is_file():
                _sync(entry)
        _sync_folder(fresh)
        if not os.path.lexists(path):
            os.replace(fresh, path)
        elif not _exchange(fresh, path):
            _replace_by_way_of_aside(fresh, path)
        _sync_folder(path.parent)
    finally:
        _remove(fresh)  # after an exchange, the old one


def _exchange(a: Path, b: Path) -> bool:
    """Swap two names in one step; False where that is not to be had. Raises OSError if it fails for another reason."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    if function(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), ctypes.c_uint(_RENAME_EXCHANGE)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _REFUSED:
        return False
    raise OSError(code, os.strerror(code), str(b))


def _replace_by_way_of_aside(fresh: Path, path: Path) -> None:
    aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old-"))
    os.replace(path, aside / path.name)
    try:
        os.replace(fresh, path)
    except OSError:
        os.replace(aside / path.name, path)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _remove(entry: Path) -> None:
    """Remove a folder, a file or a link, as far as that can be done; nothing if it is not there."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; some network filesystems do not know how (EINVAL)."""
    try:
        _sync(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
