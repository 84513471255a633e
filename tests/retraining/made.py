"""Entries and fingerprints, data sets, and what a history holds."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from podium.config.retraining import RetrainingConfig
from podium.data import write_dataset
from podium.retraining.fingerprint import Fingerprint
from podium.retraining.history import Entry, Event
from podium.retraining.round import history_of
from podium.settings import Settings
from tests.conftest import make_arrays

NOW = Fingerprint(data="d", code="c", config="k", policy="p")
OLD = Fingerprint(data="before", code="c", config="k", policy="p")


def entry(event: Event, fingerprint: Fingerprint | None = NOW, **detail: Any) -> Entry:
    """An entry of today."""
    time = datetime(2026, 11, 22, 3, tzinfo=UTC)
    return Entry(id=1, event=event, first=time, last=time, count=1, fingerprint=fingerprint, detail=detail)


def put(folder: Path, seed: int) -> None:
    """A data set; other pixels for another seed."""
    shutil.rmtree(folder, ignore_errors=True)
    splits = {s: make_arrays(n, side=8, seed=seed + i) for i, (s, n) in enumerate([("train", 9), ("validation", 3), ("test", 3)])}  # fmt: skip  # noqa: E501
    names = ("left", "middle", "right")
    write_dataset(folder, splits, name="t", class_names=names, source="made", licence="CC0-1.0")


def events(settings: Settings, config: RetrainingConfig) -> list[str]:
    return [entry.event for entry in history_of(settings, config).entries()]
