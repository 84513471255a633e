"""When a retraining is due."""

from __future__ import annotations

import re

import pytest

from podium.config.retraining import RetrainingSection
from podium.retraining.due import FORCED, due
from podium.retraining.history import Entry
from tests.retraining.made import NOW, OLD, entry

FAILED = entry("failed", cause="no space left")


@pytest.mark.parametrize(
    ("history", "section", "drift", "kind", "words"),
    [
        ([], {}, False, "train", "nothing was trained before"),
        ([entry("started"), entry("ended")], {}, False, "unchanged", "nothing has changed"),
        ([entry("started", OLD), entry("ended", OLD)], {}, False, "train", "new data"),
        ([entry("ended", OLD)], {"watch": ("code",)}, False, "waiting", "new data, which alone is not trained for"),
        ([entry("ended", OLD)], {"watch": ("code",)}, True, "train", "new data, drift"),
        ([entry("ended")], {}, True, "drift", "nothing new to learn them from"),
        ([entry("ended"), entry("started")], {}, False, "train", "cut off"),
        ([entry("ended", OLD), entry("started", OLD)], {}, False, "train", "new data"),
        ([FAILED], {}, False, "train", "failed 1 time so far"),
        ([FAILED, entry("started"), FAILED], {"attempts": 2}, False, "gave_up", "failed 2 times .*no space left"),
        ([entry("failed", OLD), FAILED], {"attempts": 2}, False, "train", "failed 1 time so far"),
        ([FAILED, entry("ended"), FAILED], {"attempts": 2}, False, "train", "failed 1 time so far"),
        ([entry("started")] * 3, {}, False, "gave_up", "it was cut off 3 times and nothing has changed since$"),
        ([entry("started"), entry("checked"), entry("started")], {}, False, "train", "cut off"),
        (
            [entry("started"), FAILED, entry("started")],
            {"attempts": 2},
            False,
            "gave_up",
            "failed 1 time and was cut off",
        ),
        (
            [entry("started"), entry("started"), FAILED],
            {"attempts": 2},
            False,
            "gave_up",
            "cut off 1 time .*: no space",
        ),
        ([entry("started"), entry("stopped")] * 9, {}, False, "train", "cut off"),
        ([entry("started", OLD)] * 3, {}, False, "train", "new data"),
        ([*[entry("started")] * 3, entry("ended", OLD), entry("started")], {}, False, "train", "cut off"),
        ([entry("failed", OLD)], {"attempts": 1}, False, "train", "new data, other code"),
        ([entry("ended"), entry("checked", None, kind=FORCED)], {}, False, "train", "asked for"),
        ([entry("checked", None, kind=FORCED), entry("overlapped", None)], {}, False, "train", "asked for"),
        ([entry("checked", None, kind=FORCED), entry("started"), entry("ended")], {}, False, "unchanged", "nothing"),
    ],
)
def test_what_is_decided_and_why(
    history: list[Entry], section: dict[str, object], drift: bool, kind: str, words: str
) -> None:
    found = due(NOW, history, RetrainingSection.model_validate(section), drift=drift)
    assert found.kind == kind
    assert found.train == (kind == "train")
    assert re.search(words, found.told), found.told
