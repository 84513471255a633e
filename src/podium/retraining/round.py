"""One look at a retraining, alone: nothing is trained twice at once, and what was cut off is gone on with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from podium.config.retraining import RetrainingConfig
from podium.data.dvc import fetch
from podium.errors import PodiumError, TrainingStopped
from podium.retraining.due import Due, due
from podium.retraining.fingerprint import Fingerprint, fingerprint
from podium.retraining.history import History
from podium.retraining.telling import tell
from podium.settings import Settings

log = logging.getLogger(__name__)

Drifted = Callable[[], bool]
"""Whether the new images have drifted; asked only where that decides."""


@dataclass
class Round:
    """A look: the decision, and what the training made of it."""

    due: Due
    fingerprint: Fingerprint
    result: dict[str, Any] = field(default_factory=dict)
    """For the history (``Entry.detail`` of what has ended); set by whoever trains."""


def history_of(settings: Settings, config: RetrainingConfig) -> History:
    """The history of a retraining."""
    return History(settings.state / "retraining.db", config.name)


@contextmanager
def looking(
    settings: Settings,
    config: RetrainingConfig,
    drifted: Drifted | None = None,
    *,
    train: bool,
    stopped: tuple[type[Exception], ...] = (TrainingStopped,),
) -> Iterator[Round | None]:
    """Look whether to train, with nobody else at it; None where somebody is: that is recorded, and nothing is done.

    The end of the block is that of the training: its ``result`` goes into the history, or the error's cause. Whatever
    stops it (a signal, SIGKILL) leaves it begun, so that the next look goes on with it.

    Args:
        settings: Where history and lock are.
        config: The retraining.
        drifted: Tells of drift.
        train: Whether the block trains if it is due; otherwise it is only told, and the history has no start.
        stopped: What is raised where a training is asked to stop, and goes on later.

    Raises:
        DataError: The data version that is recorded cannot be fetched.
        ConfigError: A recipe or the policy is refused.
        PodiumError: The history cannot be used.
    """
    history = history_of(settings, config)
    lock = FileLock(_lock(settings, config))
    Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        history.add("overlapped", None, reasons=["another run of this retraining goes on"])
        yield None
        return
    try:
        yield from _alone(settings, config, history, drifted, train, stopped)
    finally:
        lock.release()


def _alone(
    settings: Settings,
    config: RetrainingConfig,
    history: History,
    drifted: Drifted | None,
    train: bool,
    stopped: tuple[type[Exception], ...],
) -> Iterator[Round]:
    now = fingerprint(config, settings)
    decision = due(now, history.entries(), config.retraining)
    if drifted is not None and decision.kind in {"unchanged", "waiting"} and drifted():
        decision = due(now, history.entries(), config.retraining, drift=True)
    told = {"reasons": list(decision.reasons), "kind": decision.kind}
    opened = Round(decision, now)
    if not (decision.train and train):
        if not decision.train:
            tell(settings, config, history.add("checked", now, **told))
        yield opened
        return
    history.add("started", now, **told)
    try:
        folder = settings.root / config.data.path
        fetch(folder, folder.with_name(f"{folder.name}.dvc"))
        yield opened
    except stopped:
        raise
    except Exception as error:
        tell(settings, config, history.add("failed", now, cause=_cause(error)))
        raise
    tell(settings, config, history.add("ended", now, **opened.result))


def _lock(settings: Settings, config: RetrainingConfig) -> Path:
    return settings.state / "retraining" / f"{config.name}.lock"


def _cause(error: Exception) -> str:
    text = error.message if isinstance(error, PodiumError) else f"{type(error).__name__}: {error}"
    return (text.splitlines() or [type(error).__name__])[0]
