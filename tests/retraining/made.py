"""Entries and fingerprints."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from podium.retraining.fingerprint import Fingerprint
from podium.retraining.history import Entry, Event

NOW = Fingerprint(data="d", code="c", config="k", policy="p")
OLD = Fingerprint(data="before", code="c", config="k", policy="p")


def entry(event: Event, fingerprint: Fingerprint | None = NOW, **detail: Any) -> Entry:
    """An entry of today."""
    time = datetime(2026, 11, 22, 3, tzinfo=UTC)
    return Entry(id=1, event=event, first=time, last=time, count=1, fingerprint=fingerprint, detail=detail)
