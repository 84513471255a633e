"""The evidence that a decision rests on: leaderboard, evaluations, data validation, report - and its digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from podium import atomic
from podium.digest import digest_json
from podium.errors import RegistryError
from podium.results import Leaderboard, LeaderboardRow, Metrics

_DOCUMENTS: Final = ("leaderboard", "evaluations", "validation")
_REPORT: Final = "report.html"
CONFIG: Final = "config.json"
_OF_THE_OCCASION: Final = ("run", "version", "champion")
"""Fields of the leaderboard that say when it was shown, not what was measured."""
_TIMINGS: Final = frozenset(
    {
        *("seconds", "part_seconds", "train_seconds", "milliseconds_per_image", "images_per_second"),
        *("timing", "latency_p50", "latency_p95", "throughput"),
    }
)
"""Differ when the same measurement is made twice."""


@dataclass(frozen=True)
class Evidence:
    """What a reviewer sees. The digest covers the three JSON documents; the report is drawn from them."""

    leaderboard: Leaderboard
    evaluations: tuple[Metrics, ...]
    """Of all completed candidates, on validation and test."""
    validation: Mapping[str, Any]
    """The data validation report as JSON."""
    report: str | None = field(default=None, repr=False)
    """The run's report, self-contained HTML."""
    config: Mapping[str, Any] | None = field(default=None, repr=False)
    """The run's whole configuration, for ``podium explain``; the decision is bound to it by its own digest."""

    @property
    def digest(self) -> str:
        """SHA-256 over the documents; equal for a repeated run whose steps all came from the cache."""
        return documents_digest(self._documents())

    @property
    def substance(self) -> str:
        """SHA-256 over the documents without timings: equal if the same thing was found twice."""
        return documents_digest(_without_timings(self._documents()))

    @property
    def selected(self) -> LeaderboardRow:
        """The winner's row. Raises RegistryError if the leaderboard has none."""
        for row in self.leaderboard.candidates:
            if row.recipe == self.leaderboard.selected and row.status == "completed":
                return row
        raise RegistryError(
            f"run {self.leaderboard.run}: the leaderboard selects {self.leaderboard.selected!r}, which is no completed"
            " candidate of it",
            remedy="register only the winner of a finished comparison",
        )

    def write(self, folder: Path) -> None:
        """Write the documents and the report into a folder."""
        for name, document in self._documents().items():
            atomic.write_text(folder / f"{name}.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        if self.config is not None:
            text = json.dumps(dict(self.config), indent=2, ensure_ascii=False) + "\n"
            atomic.write_text(folder / CONFIG, text)
        if self.report is not None:
            atomic.write_text(folder / _REPORT, self.report)

    def _documents(self) -> dict[str, Any]:
        return {
            "leaderboard": self.leaderboard.model_dump(mode="json"),
            "evaluations": [metrics.model_dump(mode="json") for metrics in self.evaluations],
            "validation": dict(self.validation),
        }


def _without_timings(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_timings(item) for key, item in value.items() if key not in _TIMINGS}
    if isinstance(value, (list, tuple)):
        return [_without_timings(item) for item in value]
    return value


def folder_digest(folder: Path) -> str:
    """The evidence digest of documents that were written to a folder. Raises RegistryError if one is unreadable."""
    try:
        return documents_digest({name: json.loads((folder / f"{name}.json").read_text()) for name in _DOCUMENTS})
    except (OSError, ValueError) as error:
        raise RegistryError(
            f"{folder}: the evidence cannot be read ({error})", remedy="register the run again"
        ) from None


def documents_digest(documents: Mapping[str, Any]) -> str:
    """SHA-256 over the three documents, leaving out what only tells the occasion (run name, version numbers)."""
    board = {key: value for key, value in documents["leaderboard"].items() if key not in _OF_THE_OCCASION}
    return digest_json({**documents, "leaderboard": board})
