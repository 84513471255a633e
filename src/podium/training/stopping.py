"""Stop a training between two steps, where its state is whole, instead of wherever a signal meets it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from filelock import FileLock, Timeout

from podium.errors import TrainingStopped

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
POLL: Final = 0.2
"""Seconds between two looks at whether to stop, where there are no steps."""

Stop = Callable[[], bool]
"""Whether the training shall stop; asked before each step, so it must cost nothing."""


class Request:
    """Whether somebody asked to stop: a signal, or the caller's own ``stop``."""

    def __init__(self, stop: Stop | None = None) -> None:
        self.signal: int | None = None
        self.heeded = False
        """Whether somebody did stop."""
        self._stop = stop

    def __call__(self) -> bool:
        """Whether to stop before the next step."""
        return self.signal is not None or (self._stop is not None and self._stop())

    def error(self, name: str, after: str) -> TrainingStopped:
        """What to raise once the state of the training is saved."""
        self.heeded = True
        if isinstance(self._stop, Request):
            self._stop.heeded = True
        number = self.signal or getattr(self._stop, "signal", None)
        return TrainingStopped(f"{name}: stopped {after}", interrupted=number == signal.SIGINT)


def taken(lock: FileLock, stop: Stop) -> bool:
    """Wait for a lock. Returns False, without it, if ``stop`` says so while another holds it."""
    while True:
        try:
            lock.acquire(timeout=POLL)
        except Timeout:
            if stop():
                return False
        else:
            return True


@contextmanager
def heeding_signals(stop: Stop | None = None) -> Iterator[Request]:
    """Let SIGTERM and Ctrl-C ask for a stop instead of cutting a step in two, for the time of the block.

    Only Python's main thread is given signals: in any other, the program that drives the training passes ``stop``. A
    second signal does what it did before the block, and so does one that nobody stopped for (it came after the last
    step), once the block ends. SIGINT stays ignored where it was (a shell's background job).
    """
    request = Request(stop)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}

    def note(number: int, _: FrameType | None) -> None:
        request.signal = number
        signal.signal(number, before[number])

    mine = [number for number in SIGNALS if before[number] not in (signal.SIG_IGN, None)]
    for number in mine:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number in mine:
            signal.signal(number, before[number])
        if request.signal is not None and not request.heeded:
            signal.raise_signal(request.signal)
