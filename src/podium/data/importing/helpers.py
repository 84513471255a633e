"""Processes that decode what Pillow decodes, one a core: they start once an import has enough of it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.decoder import receive, send
from podium.data.images import Original, Resize
from podium.data.importing.listing import Row
from podium.data.jpeg import plain_mode

_log = logging.getLogger(__name__)

ENOUGH: Final = 3_000
"""Images that Pillow decodes before processes are started: that takes as long as some thousand of them."""
_FEW: Final = 16
"""Images of a block that are not worth a request."""
_MOST_BYTES: Final = 1024 * 1024
"""Larger files are decoded where they are."""
_START: Final = "import sys; sys.path[:] = {path!r}; from podium.data.decoder import main; main()"

Found = tuple[NDArray[np.uint8], Original] | str
"""Pixels (uint8, H×W×3) and what the file held; or why there are none."""


class Helpers:
    """Decoding processes of one import; its threads share them."""

    def __init__(self, count: int) -> None:
        self._count, self._met = count, 0
        self._lock = threading.Lock()
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._running: list[subprocess.Popen[bytes]] | None = None

    def close(self) -> None:
        """End the processes."""
        for process in self._running or ():
            process.kill()
            process.communicate()

    def decode(self, rows: Sequence[Row], size: tuple[int, int], resize: Resize | None) -> dict[int, Found]:
        """Decode those of some rows that Pillow would decode: place and result of each.

        What is not among the results - large images, and all while too few were met to start processes for them - is
        left to the caller.
        """
        if not self._running:
            return {}
        places = [i for i, row in enumerate(rows) if type(row) is bytes and _is_slow(row, size)]
        if len(places) < _FEW:
            return {}
        try:
            process = self._idle.get_nowait()
        except Empty:  # there are as many as threads
            return {}
        contents = [row for i in places if isinstance(row := rows[i], bytes)]
        try:
            found = _ask(process, contents, size, resize)
        except (OSError, EOFError, ValueError):
            self._lost(process)
            return {}
        self._idle.put(process)
        return {place: one for place, one in zip(places, found, strict=True) if one is not None}

    def count(self, images: int) -> None:
        """Tell of images that Pillow decoded in this process; the others start when they are enough."""
        with self._lock:
            self._met += images
            if self._running is None and self._count > 1 and images and self._met >= ENOUGH:
                started = self._start_all()
                for process in started:
                    self._idle.put(process)
                self._running = started

    def _start_all(self) -> list[subprocess.Popen[bytes]]:
        started: list[subprocess.Popen[bytes]] = []
        try:
            for _ in range(self._count):
                started.append(_start())
        except OSError as error:
            _log.warning("no further process can be started for decoding: %s", error.strerror)
        return started

    def _lost(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.communicate()
        with self._lock:
            if self._running:
                self._running.remove(process)
        _log.warning("a decoding process ended (status %s): its images are decoded without it", process.returncode)


def _is_slow(content: bytes, size: tuple[int, int]) -> bool:
    return len(content) <= _MOST_BYTES and plain_mode(content, *size) is None


def _start() -> subprocess.Popen[bytes]:
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _START.format(path=sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **one_thread},
        process_group=0,  # Ctrl-C is for the import, which then closes their input
    )


def _ask(
    process: subprocess.Popen[bytes], contents: list[bytes], size: tuple[int, int], resize: Resize | None
) -> list[Found | None]:
    """Have images decoded; None for those that are too large. Raises OSError, EOFError or ValueError if it ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    send(process.stdin, {"size": size, "resize": resize, "lengths": list(map(len, contents))}, *contents)
    rows = receive(process.stdout)["rows"]
    good = sum(isinstance(row, list) for row in rows)
    pixels = np.empty((good, *size, 3), np.uint8)
    if process.stdout.readinto(pixels.reshape(-1).data) < pixels.nbytes:  # type: ignore[attr-defined]
        raise EOFError
    following = iter(pixels)
    found: list[Found | None] = []
    for row in rows:
        if row == "large":
            found.append(None)
        elif isinstance(row, list):
            found.append((next(following), Original(*row)))
        elif "bad" in row:
            found.append(row["bad"])
        else:  # of another size: the caller compares, and needs no pixels
            height, width = row["size"]
            found.append((np.broadcast_to(np.uint8(0), (height, width, 3)), Original(width, height, "", "")))
    return found
