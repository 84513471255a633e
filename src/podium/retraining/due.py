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
    """Go on with what was begun, and try again what failed, but not for ever: also a kill may come each time."""
    failed, cut = _tried(last, history)
    if failed + cut < section.attempts:
        return _train(
            "the last run was cut off" if last.event == "started" else f"it failed {plural(failed, 'time')} so far"
        )
    words = [f"{verb} {plural(count, 'time')}" for verb, count in (("failed", failed), ("was cut off", cut)) if count]
    cause = f": {last.detail['cause']}" if "cause" in last.detail else ""
    why = f"it {' and '.join(words)} and nothing has changed since{cause}"
    return Due(train=False, reasons=(why,), kind="gave_up")


def _tried(last: Entry, history: Sequence[Entry]) -> tuple[int, int]:
    """How many runs at the end of the history failed, and were cut off, about the same as the last one.

    A run that was asked to stop counts as neither.
    """
    runs = [entry for entry in history if entry.event in {"started", "stopped", "ended", "failed"}]
    alike = itertools.takewhile(
        lambda entry: entry.event != "ended" and entry.fingerprint == last.fingerprint, reversed(runs)
    )
    events = [entry.event for entry in alike][::-1]
    cut = [before for before, after in itertools.zip_longest(events, events[1:]) if (before, after) in _CUT]
    return events.count("failed"), len(cut)


_CUT: Final = {("started", "started"), ("started", None)}
