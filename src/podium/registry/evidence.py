"""The evidence that a decision rests on, and its digest: leaderboard, evaluations, data validation, report, data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from podium import atomic
from podium.digest import digest_file, digest_json
from podium.errors import RegistryError
from podium.results import Leaderboard, LeaderboardRow, Metrics

_DOCUMENTS: Final = ("leaderboard", "evaluations", "validation")
REPORT: Final = "report.html"
PROFILE: Final = "data_profile.json"
_FILES: Final = (REPORT, PROFILE)
"""Bound as they are, to the byte."""
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
    """What a reviewer sees. The digest covers all of it but the configuration, which has its own."""

    leaderboard: Leaderboard
    evaluations: tuple[Metrics, ...]
    """Of all completed candidates, on validation and test."""
    validation: Mapping[str, Any]
    """The data validation report as JSON."""
    report: str | None = field(default=None, repr=False)
    """The run's report, self-contained HTML."""
    config: Mapping[str, Any] | None = field(default=None, repr=False)
    """The run's whole configuration, for ``podium explain``; the decision is bound to it by its own digest."""
    profile: Mapping[str, Any] | None = field(default=None, repr=False)
    """What later data is compared with (``podium.drift.profile``), as JSON."""

    @property
    def digest(self) -> str:
        """SHA-256 over documents and files; equal for a repeated run whose steps all came from the cache."""
        texts = {name: text for name, text in self._files().items() if text is not None}
        digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
        return _digest(self._documents(), digests)

    @property
    def substance(self) -> str:
        """SHA-256 over the documents without timings: equal if the same thing was found twice."""
        return _documents_digest(_without_timings(self._documents()))

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
        """Write documents and files into a folder."""
        for name, document in self._documents().items():
            atomic.write_text(folder / f"{name}.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        if self.config is not None:
            text = json.dumps(dict(self.config), indent=2, ensure_ascii=False) + "\n"
            atomic.write_text(folder / CONFIG, text)
        for name, content in self._files().items():
            if content is not None:
                atomic.write_text(folder / name, content)

    def _files(self) -> dict[str, str | None]:
        profile = self.profile
        text = None if profile is None else json.dumps(dict(profile), ensure_ascii=False, separators=(",", ":"))
        return {REPORT: self.report, PROFILE: text}

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


def folder_digest(folder: Path, recorded: str = "") -> str:
    """The evidence digest of what was written to a folder.

    Args:
        folder: Of the evidence.
        recorded: What it should be. Versions that were registered before files were bound record the digest of the
            documents alone; it is returned where it is that one.

    Raises:
        RegistryError: A document is unreadable.
    """
    try:
        documents = {name: json.loads((folder / f"{name}.json").read_text()) for name in _DOCUMENTS}
        digests = {name: digest_file(folder / name) for name in _FILES if (folder / name).is_file()}
    except (OSError, ValueError) as error:
        raise RegistryError(
            f"{folder}: the evidence cannot be read ({error})", remedy="register the run again"
        ) from None
    earlier = _documents_digest(documents)
    return earlier if earlier == recorded else _digest(documents, digests)


def _digest(documents: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """Of the documents and the files' digests; that a file is missing is told as well, lest one be added later."""
    return digest_json({"documents": _documents_digest(documents), "files": {name: files.get(name) for name in _FILES}})


def _documents_digest(documents: Mapping[str, Any]) -> str:
    """SHA-256 over the three documents, leaving out what only tells the occasion (run name, version numbers)."""
    board = {key: value for key, value in documents["leaderboard"].items() if key not in _OF_THE_OCCASION}
    return digest_json({**documents, "leaderboard": board})
