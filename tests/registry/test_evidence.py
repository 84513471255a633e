"""Evidence: what makes two findings the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podium.data import Dataset
from podium.registry.evidence import Evidence
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
