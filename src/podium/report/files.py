"""Where a run's leaderboard and report lie: ``RUNS/NAME/leaderboard.json`` and ``report.html``, ``RUNS/latest``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from podium.config.explain import nearest
from podium.errors import ConfigError, PodiumError
from podium.results import Leaderboard

LEADERBOARD: Final = "leaderboard.json"
REPORT: Final = "report.html"
LATEST: Final = "latest"
"""A text file with the name of the latest run's folder."""


def run_folder(runs: Path, run: str | None = None) -> Path:
    """The folder of a run; of the latest one unless named.

    Raises:
        ConfigError: There is no run of this name.
        PodiumError: There is none at all.
    """
    known = sorted(path.name for path in runs.iterdir() if path.is_dir()) if runs.is_dir() else []
    known = [name for name in known if not name.startswith(".")]
    if run is not None:
        if run not in known:
            remedy = nearest(run, known) if known else "run the pipeline first: `make run`"
            raise ConfigError(f"{runs}: there is no run {run!r}", remedy=remedy)
        return runs / run
    pointer = runs / LATEST
    try:
        name = pointer.read_text().strip()
    except FileNotFoundError:
        remedy = f"name one of: {', '.join(known)}" if known else "run the pipeline first: `make run`"
        raise PodiumError(f"{runs}: no finished run is recorded here", remedy=remedy) from None
    if name not in known:
        remedy = f"name one of: {', '.join(known)}" if known else "run the pipeline again: `make run`"
        raise PodiumError(f"{pointer}: names the run {name!r}, which is not there", remedy=remedy)
    return runs / name


def read_leaderboard(folder: Path) -> Leaderboard:
    """Read a run's leaderboard. Raises PodiumError if it is missing or malformed."""
    file = folder / LEADERBOARD
    try:
        return Leaderboard.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise PodiumError(
            f"{file}: this run has no leaderboard", remedy="it did not finish: start the pipeline again"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise PodiumError(f"{file}: {where}: {first['msg']}", remedy="start the pipeline again to write it") from None


def report_file(folder: Path) -> Path:
    """A run's report. Raises PodiumError if it is missing."""
    file = folder / REPORT
    if not file.is_file():
        raise PodiumError(f"{file}: this run has no report", remedy="it did not finish: start the pipeline again")
    return file
