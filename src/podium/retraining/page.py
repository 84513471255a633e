"""The history of a retraining as a page: self-contained, static HTML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from podium.report.templating import environment
from podium.retraining.history import Entry

SHOWN: Final = 200
"""Entries on the page, the latest ones."""


def render_history(name: str, entries: Sequence[Entry]) -> str:
    """Draw the entries, the latest first, as a complete document without scripts or outside references."""
    pages = environment("podium.retraining")
    rows = [row(entry) for entry in reversed(entries[-SHOWN:])]
    counts = {
        event: sum(entry.count for entry in entries if entry.event == event) for event in ("checked", "ended", "failed")
    }
    return pages.get_template("history.html").render(
        name=name, rows=rows, more=max(0, len(entries) - SHOWN), counts=counts
    )


def row(entry: Entry) -> dict[str, Any]:
    """What a person is told of an entry: when, what, and the words of it."""
    detail = entry.detail
    words = ", ".join(detail.get("reasons", []))
    match entry.event:
        case "ended":
            review = f"review {detail['review']} is open" if detail.get("review") else "no review"
            why = f" ({detail['questions'][0]})" if detail.get("questions") else ""
            words = f"{detail.get('selected', '–')} won: {detail.get('outcome', '–')}{why}; {review}"
        case "failed":
            words = detail.get("cause", "–")
    mark = {"failed": "warm", "ended": "good"}.get(entry.event, "")
    return {
        "when": _when(entry.first, entry.last, entry.count),
        "event": _EVENTS[entry.event],
        "words": words,
        "mark": mark,
    }


_EVENTS: Final = {
    "checked": "looked",
    "overlapped": "left to the other",
    "started": "training",
    "stopped": "stopped",
    "ended": "trained",
    "failed": "failed",
}


def _when(first: datetime, last: datetime, count: int) -> str:
    """``2026-11-22 14:03`` in UTC, or the first and the last of several."""
    start, end = f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}"
    if count == 1:
        return start
    return f"{count:,} times from {start} to {end if end[:10] != start[:10] else end[11:]}"
