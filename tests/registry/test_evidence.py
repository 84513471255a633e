"""Evidence: what makes two findings the same."""

from __future__ import annotations

from dataclasses import replace

from podium.data import Dataset
from podium.validation import validate_dataset
from podium.validation.suite import load_suite
from tests.conftest import ROOT
from tests.registry.support import make_evidence


def test_the_same_validation_done_twice_is_the_same_evidence(small_dataset: Dataset) -> None:
    suite = load_suite("default", ROOT)
    reports = [validate_dataset(small_dataset, suite, {}).model_dump(mode="json") for _ in range(2)]
    assert reports[0] != reports[1], "no timing differs: the test shows nothing"
    first, second = (replace(make_evidence(), validation=report) for report in reports)
    assert first.substance == second.substance
    changed = replace(first, validation={**reports[0], "passed": not reports[0]["passed"]})
    assert changed.substance != first.substance
