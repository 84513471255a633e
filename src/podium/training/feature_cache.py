"""What a frozen backbone makes of a data set, computed once and kept in files for all epochs, heads and candidates."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from podium import atomic
from podium.errors import TrainingCutShort, TrainingFailed
from podium.training.stopping import Stop, taken

log = logging.getLogger(__name__)

LIMIT: Final = 16 << 30
"""Bytes of all features in a folder; those that were not used for the longest time go first."""
_GONE: Final = ".gone"
_FEWER: Final = "set cached_views (the trainer's, or that of fine_tune) to fewer views, or to null"
_NEW: Final = ".new"
_DONE: Final = "done"

Shape = tuple[int, ...]
Arrays = dict[str, NDArray[np.float32]]
Tell = Callable[[int], None]
"""Told how much of an array is done, its writer may go on there when he was stopped or killed."""
Write = Callable[[str, NDArray[np.float32], int, Tell], None]
"""Given an array's name, the array, and how much of it was done already."""


@dataclass(frozen=True)
class FeatureCache:
    """A folder with a folder of arrays for each key; several processes may use it at the same time.

    Who holds a key's lock may open, write or remove its arrays; who looks for room takes a lock of the whole folder.
    """

    folder: Path
    limit: int = LIMIT

    def get(self, key: str, shapes: Mapping[str, Shape], write: Write, stop: Stop) -> Arrays | None:
        """Open arrays, written by whoever asks first; others wait for him.

        Args:
            key: What the arrays follow from.
            shapes: Of each array, by name.
            write: Fills an array. When it was killed, or raised, the next one goes on with what it had told.
            stop: Asked while another process writes.

        Returns:
            float32 arrays, mapped from files; changes stay in memory. None if ``stop`` said so.

        Raises:
            TrainingFailed: They take more than ``limit``.
            TrainingCutShort: Or than there is on the disk.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.folder / key
        lock = self._lock(key)
        if not taken(lock, stop):
            return None
        try:
            arrays = _opened(place, shapes)
            if arrays is None:
                self._fill(place, shapes, write)
                arrays = _opened(place, shapes)
                assert arrays is not None
            os.utime(place)
            return arrays
        finally:
            lock.release()

    def check(self, need: int) -> None:
        """Raise TrainingFailed if so many bytes are more than are ever kept."""
        if need > self.limit:
            raise TrainingFailed(
                f"the features of all images take {need / 1e9:.1f} GB, more than the {self.limit / 1e9:.1f} GB that are"
                " kept",
                remedy=_FEWER,
            )

    def _lock(self, key: str) -> FileLock:
        return FileLock(self.folder / f".{key}.lock")

    def _fill(self, place: Path, shapes: Mapping[str, Shape], write: Write) -> None:
        fresh = place.with_name(f".{place.name}{_NEW}")
        with FileLock(self.folder / ".lock"):
            _remove(place)  # damaged
            need = size_of(shapes)
            if _opened(fresh, shapes) is None:
                _remove(fresh)
                self._make_room(need)
            try:
                fresh.mkdir(exist_ok=True)
                arrays = {name: _reserved(fresh / f"{name}.npy", shape) for name, shape in shapes.items()}
            except BaseException as error:
                _remove(fresh)
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise _no_room(self.folder, need) from None
                raise
        for name, array in arrays.items():
            told = fresh / f"{name}.{_DONE}"

            def tell(done: int, array: np.memmap = array, told: Path = told) -> None:
                array.flush()
                try:
                    atomic.write_text(told, str(done))
                except OSError as error:  # it is needed only by whoever goes on
                    log.warning("%s: %s; a stopped pass would go on further back", told, error.strerror)

            write(name, array, int(told.read_text()) if told.exists() else 0, tell)
            array.flush()
        with FileLock(self.folder / ".lock"):
            fresh.rename(place)

    def _make_room(self, need: int) -> None:
        """Remove what was not used for the longest time, and nobody writes or opens, until ``need`` bytes fit."""
        self.check(need)
        for rest in self.folder.glob(f"{_GONE}-*"):  # its remover was killed, or is at it
            shutil.rmtree(rest, ignore_errors=True)
        there = [place for place in self.folder.iterdir() if place.is_dir()]
        others = sorted(there, key=lambda place: place.stat().st_mtime)
        sizes = {place: _size(place) for place in there}
        if need > shutil.disk_usage(self.folder).free + sum(sizes[place] for place in others):
            raise _no_room(self.folder, need)
        total = need + sum(sizes.values())
        for oldest in others:
            if total <= self.limit and need <= shutil.disk_usage(self.folder).free:
                return
            lock = self._lock(oldest.name.removeprefix(".").removesuffix(_NEW))
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue  # somebody writes or opens it
            log.info("removing the features %s, which were not used for the longest time", oldest.name)
            _remove(oldest)  # whoever has them mapped keeps them: a file goes with its last user
            lock.release()
            total -= sizes[oldest]


def size_of(shapes: Mapping[str, Shape]) -> int:
    """Bytes of arrays of these shapes."""
    return sum(4 * int(np.prod(shape)) for shape in shapes.values())


def _opened(place: Path, shapes: Mapping[str, Shape]) -> Arrays | None:
    """The arrays of a folder; None if one of them is missing, damaged or of another shape."""
    arrays: Arrays = {}
    for name, shape in shapes.items():
        try:
            array = np.load(place / f"{name}.npy", mmap_mode="c", allow_pickle=False)
        except (OSError, ValueError):
            return None
        if array.shape != shape or array.dtype != np.float32:
            return None
        arrays[name] = array
    return arrays


def _reserved(file: Path, shape: Shape) -> np.memmap:
    """An array in a file whose blocks are there: a hole that the disk has no room for would kill who writes into it."""
    array = np.lib.format.open_memmap(file, "r+" if file.exists() else "w+", np.float32, shape)
    with file.open("r+b") as opened:
        os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    return array


def _remove(place: Path) -> None:
    """Rename, then remove: a kill between the two leaves nothing that could be taken for complete."""
    gone = place.with_name(f"{_GONE}-{place.name}")
    shutil.rmtree(gone, ignore_errors=True)
    if place.is_dir():
        place.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _size(place: Path) -> int:
    total = 0
    for file in place.iterdir():
        with suppress(FileNotFoundError):  # of another's progress
            total += file.stat().st_size
    return total


def _no_room(folder: Path, need: int) -> TrainingCutShort:
    free = shutil.disk_usage(folder).free
    return TrainingCutShort(
        f"{folder}: the features of all images take {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
        remedy=f"make room there, or {_FEWER}",
    )
