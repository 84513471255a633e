"""What a frozen backbone makes of a data set, computed once and kept in files for all epochs, heads and candidates."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from podium.errors import TrainingFailed
from podium.training.stopping import Stop, taken

log = logging.getLogger(__name__)

LIMIT: Final = 16 << 30
"""Bytes of all features in a folder; those that were not used for the longest time go first."""

Shape = tuple[int, ...]
Write = Callable[[str, NDArray[np.float32]], None]


@dataclass(frozen=True)
class FeatureCache:
    """A folder with a folder of arrays for each key; several processes may use it at the same time."""

    folder: Path
    limit: int = LIMIT

    def get(
        self, key: str, shapes: Mapping[str, Shape], write: Write, stop: Stop
    ) -> dict[str, NDArray[np.float32]] | None:
        """Open arrays, written by whoever asks first; others wait for him.

        Args:
            key: What the arrays follow from.
            shapes: Of each array, by name.
            write: Fills an array. What it had filled when it was killed, or raised, is removed.
            stop: Asked while another process writes.

        Returns:
            float32 arrays, mapped from files; changes stay in memory. None if ``stop`` said so.

        Raises:
            TrainingFailed: They take more than ``limit``, or than there is on the disk.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.folder / key
        lock = FileLock(self.folder / f".{key}.lock")
        if not taken(lock, stop):
            return None
        try:
            if not place.is_dir():
                self._make_room(shapes, place)
                self._fill(place, shapes, write)
            os.utime(place)
            return {name: np.load(place / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in shapes}
        finally:
            lock.release()

    def _fill(self, place: Path, shapes: Mapping[str, Shape], write: Write) -> None:
        fresh = place.with_name(f".{place.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)  # of a writer that was killed: its lock was free
        fresh.mkdir()
        try:
            for name, shape in shapes.items():
                array = np.lib.format.open_memmap(fresh / f"{name}.npy", "w+", np.float32, shape)
                write(name, array)
                array.flush()
            fresh.rename(place)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise

    def _make_room(self, shapes: Mapping[str, Shape], place: Path) -> None:
        need = sum(4 * int(np.prod(shape)) for shape in shapes.values())
        if need > self.limit:
            raise TrainingFailed(
                f"the features of all images take {need / 1e9:.1f} GB, more than the {self.limit / 1e9:.1f} GB that are"
                " kept",
                remedy="set the trainer's cached_views to fewer views, or to null",
            )
        others = sorted((p for p in self.folder.iterdir() if p.is_dir() and p != place), key=_used)
        total = need + sum(map(_size, others))
        while others and (total > self.limit or shutil.disk_usage(self.folder).free < need):
            oldest = others.pop(0)
            total -= _size(oldest)
            log.info("removing the features %s, which were not used for the longest time", oldest.name)
            # Whoever has them mapped keeps them: a file goes with its last user.
            shutil.rmtree(oldest, ignore_errors=True)
        free = shutil.disk_usage(self.folder).free
        if free < need:
            raise TrainingFailed(
                f"{self.folder}: the features of all images take {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
                remedy="make room there, or set the trainer's cached_views to null",
            )


def _used(place: Path) -> float:
    return place.stat().st_mtime


def _size(place: Path) -> int:
    return sum(file.stat().st_size for file in place.iterdir())
