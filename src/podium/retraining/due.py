"""Whether to train again: a pure function of what is there now and what was done before."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, Literal

from podium.config.base import Frozen
from podium.config.retraining import Changing, RetrainingSection
from podium.retraining.fingerprint import Fingerprint
from podium.retraining.history import Entry
from podium.wording import plural

_WORDS: dict[Changing, str] = {
    "data": "new data",
    "code": "other code",
    "config": "another configuration",
    "policy": "another policy",
}

FORCED: Final = "forced"
"""Kind of the entry by which a person asks for a training whatever has changed."""


class Due(Frozen):
    """The decision, and why."""

    train: bool
    reasons: tuple[str, ...]
    """For training, or for not; at least one."""
    kind: Literal["train", "unchanged", "waiting", "gave_up", "drift"]
    """``gave_up``: a person has to look; ``waiting``: for other changes; ``drift``: there is nothing new to learn."""

    @property
    def told(self) -> str:
        """The reasons in one line."""
        return ", ".join(self.reasons)


def due(now: Fingerprint, history: Sequence[Entry], section: RetrainingSection, *, drift: bool = False) -> Due:
    """Decide.

    Args:
        now: What is there.
        history: Of this retraining, oldest first.
        section: What is waited for.
        drift: Whether the new images have drifted.
    """
    history = [entry for entry in history if entry.event != "overlapped"]
    if history and history[-1].detail.get("kind") == FORCED:
        return _train("asked for")
    last = next((entry for entry in reversed(history) if entry.event in {"started", "ended", "failed"}), None)
    if last is None:
        return _train("nothing was trained before")
    if last.fingerprint == now and last.event != "ended":
        return _unfinished(last, history, section)
    done = next((entry.fingerprint for entry in reversed(history) if entry.event == "ended"), None)
    return _changed(now.changed(done), section, drift)


def _changed(changed: Sequence[Changing], section: RetrainingSection, drift: bool) -> Due:
    words = [_WORDS[name] for name in changed]
    if drift:
        nothing = "new images have drifted, and there is nothing new to learn them from"
        return _train(*words, "drift") if changed else Due(train=False, reasons=(nothing,), kind="drift")
    if any(name in section.watch for name in changed):
        return _train(*words)
    if changed:
        told = tuple(f"{word}, which alone is not trained for" for word in words)
        return Due(train=False, reasons=told, kind="waiting")
    return Due(train=False, reasons=("nothing has changed",), kind="unchanged")


def _train(*reasons: str) -> Due:
    return Due(train=True, reasons=reasons, kind="train")


def _unfinished(last: Entry, history: Sequence[Entry], section: RetrainingSection) -> Due:
    """Go on with what was begun, and try again what failed, but not for ever."""
    if last.event == "started":
        return _train("the last run was cut off")
    tried = _failures(history)
    if tried < section.attempts:
        return _train(f"it failed {plural(tried, 'time')} so far")
    why = f"it failed {plural(tried, 'time')} and nothing has changed since: {last.detail.get('cause', '')}"
    return Due(train=False, reasons=(why,), kind="gave_up")


def _failures(history: Sequence[Entry]) -> int:
    """Failed runs at the end of the history that were about the same as the last one."""
    ends = [entry for entry in history if entry.event in {"ended", "failed"}]
    alike = itertools.takewhile(
        lambda entry: entry.event == "failed" and entry.fingerprint == ends[-1].fingerprint, reversed(ends)
    )
    return sum(1 for _ in alike)
