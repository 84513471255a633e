"""Let Ctrl-C and SIGTERM reach the threads that train: Python delivers signals to the main thread alone."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final

from podium.errors import INTERRUPTED, REQUEUE

_flags: Final = {"stop": False, "terminated": False}  # no Event: its lock must not be taken in a signal handler


def stop_training() -> None:
    """Ask every training of this process to save its state and to end at its next step."""
    _flags["stop"] = True


def begin() -> None:
    """Forget what was asked of an earlier run of this process (in a notebook, say)."""
    _flags["stop"] = False


def stopping() -> bool:
    """Whether the trainings of this process were asked to end."""
    return _flags["stop"]


def stopped_status() -> int:
    """The exit status of a run that was asked to end: 75 ("start it again") after SIGTERM, 130 after Ctrl-C."""
    return REQUEUE if _flags["terminated"] else INTERRUPTED


def heed_sigterm() -> None:
    """Treat SIGTERM, as schedulers send it, as Ctrl-C with another exit status, until this process ends.

    Call it in the main thread. Further SIGTERMs change nothing: the trainings are saving their state.
    """

    def end(number: int, frame: FrameType | None) -> None:
        if not _flags["terminated"]:
            _flags["terminated"] = True
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
