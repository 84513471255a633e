"""Evidence: what makes two findings the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from podium.data import Dataset
from podium.digest import digest_json
from podium.registry.evidence import PROFILE, REPORT, Evidence, folder_digest
from podium.validation import validate_dataset
from podium.validation.suite import load_suite
from tests.conftest import ROOT
from tests.registry.support import make_evidence


@pytest.mark.slow
def test_the_same_validation_done_twice_is_the_same_evidence(small_dataset: Dataset) -> None:
    suite = load_suite("default", ROOT)
    reports = [validate_dataset(small_dataset, suite, {}).model_dump(mode="json") for _ in range(2)]
    assert reports[0] != reports[1], "no timing differs: the test shows nothing"
    first, second = (replace(make_evidence(), validation=report) for report in reports)
    assert first.substance == second.substance
    changed = replace(first, validation={**reports[0], "passed": not reports[0]["passed"]})
    assert changed.substance != first.substance


def test_latencies_do_not_make_other_evidence() -> None:
    """Whichever figures of the leaderboard are times is told by those that differ when a model is timed again."""
    first = make_evidence()

    def timed(factor: float) -> Evidence:
        rows = tuple(
            row.model_copy(update={"latency_p50": factor, "latency_p95": 2 * factor, "throughput": 1 / factor})
            for row in first.leaderboard.candidates
        )
        return replace(first, leaderboard=first.leaderboard.model_copy(update={"candidates": rows}))

    assert timed(1.0).substance == timed(2.0).substance
    assert timed(1.0).digest != timed(2.0).digest


def written(folder: Path, evidence: Evidence) -> Path:
    folder.mkdir()
    evidence.write(folder)
    return folder


def test_the_digest_covers_page_and_profile(tmp_path: Path) -> None:
    evidence = replace(make_evidence(report="<p>ä</p>"), profile={"digest": "é"})
    folder = written(tmp_path / "e", evidence)
    assert folder_digest(folder) == folder_digest(folder, evidence.digest) == evidence.digest
    assert replace(evidence, report="<p>other</p>").digest != evidence.digest
    assert replace(evidence, profile={"digest": "e"}).digest != evidence.digest
    assert replace(evidence, config={"name": "x"}).digest == evidence.digest, "it has a digest of its own"
    assert replace(evidence, report=None, profile=None).substance == evidence.substance


@pytest.mark.parametrize("name", [REPORT, PROFILE])
@pytest.mark.parametrize("how", ["changed", "gone", "added"])
def test_a_file_that_changed_is_noticed(tmp_path: Path, name: str, how: str) -> None:
    whole = replace(make_evidence(), profile={"digest": "d"})
    bare = replace(whole, report=None, profile=None)
    evidence = bare if how == "added" else whole
    folder = written(tmp_path / "e", evidence)
    assert folder_digest(folder, evidence.digest) == evidence.digest
    if how == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_text("{}")
    assert folder_digest(folder, evidence.digest) != evidence.digest


def test_versions_of_before_are_known_by_their_documents_alone(tmp_path: Path) -> None:
    evidence = make_evidence()
    folder = written(tmp_path / "e", evidence)
    board = json.loads((folder / "leaderboard.json").read_text())
    kept = {key: value for key, value in board.items() if key not in ("run", "version", "champion")}
    recorded = digest_json({"leaderboard": kept, "evaluations": [], "validation": {"passed": True}})
    assert folder_digest(folder, recorded) == recorded
    (folder / REPORT).write_text("another page, which was not bound then")
    assert folder_digest(folder, recorded) == recorded
    (folder / "validation.json").write_text('{"passed": false}')
    assert folder_digest(folder, recorded) != recorded
