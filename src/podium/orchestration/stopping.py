"""Let Ctrl-C reach the threads that train: Python delivers it to the main thread alone."""

from __future__ import annotations

import threading

from podium.errors import TrainingFailed

_stopped = threading.Event()


def stop_training() -> None:
    """Ask every training of this process to end at its next step; their checkpoints stay."""
    _stopped.set()


def check_stopped() -> None:
    """Raise TrainingFailed if the training was asked to end."""
    if _stopped.is_set():
        raise TrainingFailed("stopped by the user", remedy="run again: it goes on from the last finished epoch")
