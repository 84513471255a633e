"""The dossier in a real browser: it fits a phone and can be read in both colour schemes, whatever the names are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.data import Dataset
from podium.dossier.facts import DataDrift
from podium.dossier.page import render
from podium.drift.profile import profile_of
from podium.drift.versions import compare_profiles
from tests.dossier.conftest import Make, caution, challenger, examined, rival
from tests.report.browser import Browser, installed
from tests.report.conftest import HOSTILE
from tests.report.test_browser import CONTRAST, OVERFLOW

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(installed(), timeout=120) as opened:
        yield opened


def test_nothing_overflows_and_everything_can_be_read(
    browser: Browser, make: Make, dataset: Dataset, tmp_path: Path
) -> None:
    found, profile = examined(dataset), profile_of(dataset)
    train = profile.splits["train"]
    other = train.model_copy(update={"per_class": (sum(train.per_class), 0, 0)})
    before = profile.model_copy(update={"splits": {**profile.splits, "train": other}})
    drift = DataDrift(state="compared", sentence=HOSTILE, version=2, splits=compare_profiles(before, profile))
    assert drift.drifted
    dossier = make(
        0.2, 0.3, examination=found.findings, champion_examination=rival(dataset), data_drift=drift,
        cautions=[caution("a/very/long/path/" * 12)],
    )  # fmt: skip
    file = tmp_path / "dossier.html"
    file.write_text(render(dossier, dataset, challenger(dataset, 0.2), found))
    for width, dark in ((390, True), (390, False), (1280, True), (1280, False)):
        browser.open(file, width=width, dark=dark)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.evaluate(OVERFLOW) == []
        assert browser.evaluate(CONTRAST) == []
        assert browser.evaluate("[...document.images].filter(i => !i.naturalWidth).length") == 0
