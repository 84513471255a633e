"""Pass on what jobs print, line by line, to whoever looks at the run's terminal."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from podium.orchestration.slurm.script import OUTPUT
from podium.orchestration.slurm.transport import SlurmError, Transport

logger = logging.getLogger(__name__)

KEPT: Final = 20
"""Last lines of a job, from which the cause of its end is read."""


@dataclass
class _Followed:
    label: str
    offset: int = 0
    rest: bytes = b""
    last: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))


class Follower:
    """Reads what is new in the output files of all jobs, no more often than every ``interval`` seconds.

    With two commands through SSH, however many jobs there are: one tells the sizes, one gives what files have grown by.
    """

    def __init__(self, transport: Transport, interval: float, tell: Callable[[str, str], None] | None = None) -> None:
        self._transport, self._interval, self._tell = transport, interval, tell or _log
        self._lock = threading.Lock()
        self._files: dict[str, _Followed] = {}
        self._read_at = float("-inf")

    def add(self, folder: str, label: str) -> None:
        """Follow the output of a job under a name."""
        with self._lock:
            self._files.setdefault(f"{folder}/{OUTPUT}", _Followed(label))

    def read(self) -> None:
        """Pass on what is new, if the last time is long enough ago; a file that is not there is no error."""
        with self._lock:
            if not self._files or time.monotonic() - self._read_at < self._interval:
                return
            self._read_at = time.monotonic()
            try:
                sizes = self._transport.sizes(self._files)
                grown = {path: file.offset for path, file in self._files.items() if sizes.get(path, 0) > file.offset}
                found = self._transport.tails(grown) if grown else {}
            except SlurmError:
                return
            for path, content in found.items():
                self._take(self._files[path], content)

    def end(self, folder: str) -> list[str]:
        """Pass on the rest and follow no longer. Returns the last lines."""
        path = f"{folder}/{OUTPUT}"
        with self._lock:
            file = self._files.pop(path, None)
            if file is None:
                return []
            with suppress(SlurmError):
                while content := self._transport.tails({path: file.offset}).get(path):
                    self._take(file, content)
            if file.rest:
                self._line(file, file.rest)
            return list(file.last)

    def _take(self, file: _Followed, content: bytes) -> None:
        file.offset += len(content)
        *lines, file.rest = (file.rest + content).split(b"\n")
        for line in lines:
            self._line(file, line)

    def _line(self, file: _Followed, line: bytes) -> None:
        text = line.decode(errors="replace").rsplit("\r", 1)[-1].rstrip()  # of a progress bar its last state
        if text:
            file.last.append(text)
            self._tell(file.label, text)


def _log(label: str, line: str) -> None:
    logger.info("%s | %s", label, line)
