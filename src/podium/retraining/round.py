"""One look at a retraining, alone: nothing is trained twice at once, and what was cut off is gone on with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from podium.config.retraining import RetrainingConfig
from podium.data.dvc import fetch
from podium.data.restore import recorded_note
from podium.data.store import read_manifest
from podium.errors import DataError, PodiumError, TrainingStopped
from podium.retraining.due import Due, due
from podium.retraining.fingerprint import Fingerprint, fingerprint
from podium.retraining.history import Entry, History
from podium.retraining.telling import tell
from podium.settings import Settings

log = logging.getLogger(__name__)

_OTHER: Final = "another run of this retraining goes on"

Drifted = Callable[[], bool]
"""Whether the new images have drifted; asked only where that decides."""
GoesOn = Callable[[str], bool]
"""Whether a run that began and has not ended, by its id, is still to be driven on by whoever started its driver."""


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
    run: str | None = None,
    stopped: tuple[type[Exception], ...] = (TrainingStopped,),
    goes_on: GoesOn | None = None,
) -> Iterator[Round | None]:
    """Look whether to train, with nobody else at it; None where somebody is: that is recorded, and nothing is done.

    The end of the block is that of the training: its ``result`` goes into the history, or the error's cause. Whatever
    stops it (a signal, SIGKILL) leaves it begun, so that the next look goes on with it, though not for ever with what
    is killed each time. A look of the very ``run`` that began is that run's driver, started again: it goes on with the
    data of then, since finished steps are those of then, and what has changed meanwhile is left to the next look.

    Args:
        settings: Where history and lock are.
        config: The retraining.
        drifted: Tells of drift.
        train: Whether the block trains if it is due; otherwise it is only told, and the history has no start.
        run: Id of the run that looks, which stays the same when its driver is started again; None outside of a run.
        stopped: What is raised where a training is asked to stop, and goes on later.
        goes_on: Tells of an earlier run that holds no lock: its driver may wait for its restart, or be dead. Every such
            run was cut off unless this is given.

    Raises:
        DataError: The data version that is recorded cannot be fetched, or that of a run that goes on is gone.
        ConfigError: A recipe or the policy is refused.
        PodiumError: The history cannot be used.
    """
    history = history_of(settings, config)
    lock = FileLock(_lock(settings, config))
    Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        history.add("overlapped", None, reasons=[_OTHER])
        yield None
        return
    try:
        other = _unfinished(history.entries())
        if other not in (None, run) and goes_on is not None and goes_on(other):
            history.add("overlapped", None, reasons=[_OTHER])
            yield None
            return
        yield from _alone(settings, config, history, drifted, train, run, stopped)
    finally:
        lock.release()


def _alone(
    settings: Settings,
    config: RetrainingConfig,
    history: History,
    drifted: Drifted | None,
    train: bool,
    run: str | None,
    stopped: tuple[type[Exception], ...],
) -> Iterator[Round]:
    mine = {"run_id": run} if run else {}
    resumed: tuple[type[BaseException], ...] = (KeyboardInterrupt, *stopped)
    begun = _begun(history.entries(), run) if run and train else None
    if begun is None:
        opened = _look(settings, config, history, drifted)
        told = {"reasons": list(opened.due.reasons), "kind": opened.due.kind}
        if not (opened.due.train and train):
            if not opened.due.train:
                tell(settings, config, history.add("checked", opened.fingerprint, **told))
            yield opened
            return
        history.add("started", opened.fingerprint, **told, **mine)
    else:
        opened = Round(Due(train=True, reasons=("this run goes on",), kind="train"), begun)
    try:
        folder = settings.root / config.data.path
        _provide(folder, folder.with_name(f"{folder.name}.dvc"), begun)
        yield opened
    except resumed:
        history.add("stopped", opened.fingerprint, reasons=["it was asked to, and goes on with the next look"], **mine)
        raise
    except Exception as error:
        tell(settings, config, history.add("failed", opened.fingerprint, cause=_cause(error), **mine))
        raise
    tell(settings, config, history.add("ended", opened.fingerprint, **opened.result, **mine))


def _look(settings: Settings, config: RetrainingConfig, history: History, drifted: Drifted | None) -> Round:
    now = fingerprint(config, settings)
    decision = due(now, history.entries(), config.retraining)
    if drifted is not None and decision.kind in {"unchanged", "waiting"} and drifted():
        decision = due(now, history.entries(), config.retraining, drift=True)
    return Round(decision, now)


def _unfinished(entries: Sequence[Entry]) -> str | None:
    """The id of the run that began last, if it has not ended."""
    runs = [entry for entry in entries if entry.event in {"started", "stopped", "ended", "failed"}]
    return runs[-1].detail.get("run_id") if runs and runs[-1].event in {"started", "stopped"} else None


def _begun(entries: Sequence[Entry], run: str) -> Fingerprint | None:
    """What a run began with, if it has begun and not ended."""
    own = [entry for entry in entries if entry.detail.get("run_id") == run]
    return own[-1].fingerprint if own and own[-1].event in {"started", "stopped"} else None


def _provide(folder: Path, record: Path, begun: Fingerprint | None) -> None:
    """Have the recorded version in place; for a run that goes on, the one that it has begun with."""
    if begun is not None and recorded_note(record) != begun.data:
        if folder.exists() and read_manifest(folder).digest == begun.data:
            return
        raise DataError(
            f"{folder}: this run was begun with the data version {begun.data[:12]}, which is neither here nor recorded",
            remedy=f"nothing is lost: the next look trains with what {record.name} records now",
        )
    fetch(folder, record)


def _lock(settings: Settings, config: RetrainingConfig) -> Path:
    return settings.state / "retraining" / f"{config.name}.lock"


def _cause(error: Exception) -> str:
    text = error.message if isinstance(error, PodiumError) else f"{type(error).__name__}: {error}"
    return (text.splitlines() or [type(error).__name__])[0]
