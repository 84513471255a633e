"""History, audit, rollback, sample images."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from podium.desk import samples
from podium.desk.context import Desk
from podium.desk.samples import choose
from podium.registry import promotion
from podium.registry.log import EventLog
from podium.registry.reviews import open_review
from tests.desk.pictured import pictured
from tests.desk.support import Page
from tests.registry.support import House

pytestmark = pytest.mark.slow


def two_champions(page: Page, house: House) -> None:
    for seed in range(2):
        house.open(seed)
    page.decide("podium-1", "approve", "the first")
    page.decide("podium-2", "approve", "the second")


def test_history_has_all_decisions_and_filters_by_model(page: Page, house: House) -> None:
    assert "Nothing has been decided yet." in page.get("/history").words
    two_champions(page, house)
    other = house.register(2).model_copy(update={"model": "other", "version": 1})
    open_review(house.settings, other, author="x")
    page.decide("other-1", "reject", "the third")
    text = page.get("/history").words
    assert "3 decisions" in text
    assert text.index("the third") < text.index("the second") < text.index("the first")
    text = page.get("/history?model=podium").words
    assert "2 decisions on podium" in text
    assert "the third" not in text
    assert "3 decisions" in page.get("/history?model=none").words


def test_rolling_back_asks_once_more(page: Page, house: House) -> None:
    two_champions(page, house)
    page.get("/history")
    assert 'href="/models/podium/rollback"' in page.text
    page.get("/models/podium/rollback")
    page.send(page.form("/rollback"), reason="drifts")
    assert "Make version 1 the champion again?" in page.words
    assert house.aliases()["champion"] == 2
    form = page.form("/rollback")
    page.send(form)
    assert page.path.startswith("/history?said=")
    assert "The rollback is recorded. It has been promoted." in page.words
    page.send(form)  # twice clicked
    assert page.path == "/history"
    assert house.aliases()["champion"] == 1
    last = [event for event in EventLog(house.settings.reviews).events() if event.kind == "rolled_back"]
    assert [(event.actor, event.payload["reason"]) for event in last] == [("grace@desk", "drifts")]
    assert "podium-1 made champion again drifts" in page.words


def test_a_champion_that_comes_amid_a_rollback_stays(page: Page, house: House, alone: Desk) -> None:
    """Between the desk's look at the champion and the lock under which the rollback is recorded."""
    two_champions(page, house)
    house.open(2)
    page.get("/models/podium/rollback")
    page.send(page.form("/rollback"), reason="drifts")
    form = page.form("/rollback")

    def meanwhile(_: str | None) -> None:
        alone.mirrors = lambda _: None
        promotion.approve(house.settings, "podium-3", reason="good", actor="bob@lab", client=house.client)

    alone.mirrors = meanwhile
    page.send(form)
    assert page.status == 409
    assert "the champion has just changed" in page.words
    assert house.aliases()["champion"] == 3
    assert [e.kind for e in EventLog(house.settings.reviews).events()].count("rolled_back") == 0


def test_rollbacks_that_are_refused(page: Page, house: House, alone: Desk) -> None:
    house.open(0)
    page.decide("podium-1", "approve")
    assert page.get("/models/podium/rollback").status == 409
    assert "is the first champion" in page.words
    assert page.get("/models/none/rollback").status == 409
    house.open(1)
    page.decide("podium-2", "approve")
    form = page.get("/models/podium/rollback").form("/rollback")
    assert page.send(form, reason=" ").status == 409
    assert page.send(form, reason="x", to="9").status == 404
    assert page.send(form, reason="x", champion="7").status == 409
    assert "the champion has changed" in page.words
    assert house.aliases()["champion"] == 2


def test_the_audit_tells_that_all_is_well(page: Page, house: House) -> None:
    assert "The decision log is whole" in page.get("/audit").words
    two_champions(page, house)
    text = page.get("/audit").words
    events = EventLog(house.settings.reviews).events()
    assert f"The hash chain of {len(events)} events was followed just now; it ends with {events[-1].hash[:12]}" in text
    page.send(page.form("/audit"))
    assert "The files of 2 reviewed versions have the digests that were reviewed." in page.words


def test_the_audit_tells_what_is_wrong(page: Page, house: House) -> None:
    two_champions(page, house)
    (house.package(1) / "artifacts" / "bundle" / "model.json").write_text("{}")
    house.client.set_registered_model_alias("podium", "champion", "1")
    text = page.get("/audit").words
    assert "1 finding" in text
    assert "unexplained champion" in text
    page.send(page.form("/audit"))
    assert "podium-1: changed since the review was opened: model files" in page.words
    assert "The files of 1 reviewed version have" in page.words


def test_a_broken_chain_is_told(page: Page, house: House) -> None:
    two_champions(page, house)
    with sqlite3.connect(house.settings.reviews) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET actor = 'mallory' WHERE seq = 3")
    text = page.get("/audit").words
    assert "The decision log is broken" in text
    assert "event 3 (approved" in text
    page.send(page.form("/audit"))
    assert "was changed after the fact" in page.words
    assert "whole" not in page.words


class TestSamples:
    @pytest.fixture
    def reviewed(self, house: House) -> House:
        pictured(house)
        return house

    def test_both_answer(self, page: Page, reviewed: House) -> None:
        text = page.get("/reviews/podium-2/samples").words
        assert page.status == 200, text
        assert "tiny on 24 validation images" in text
        assert 'id="slide"' not in page.text
        page.decide("podium-1", "approve")
        text = page.get("/reviews/podium-2/samples").words
        assert "both" in text
        assert page.text.count("who-says") == 2 * samples.SHOWN
        assert 'type="range"' in page.text

    def test_test_images_are_left_alone(self, page: Page, reviewed: House, monkeypatch: pytest.MonkeyPatch) -> None:
        from podium.data import Dataset

        asked: list[str] = []
        original = Dataset.__getitem__
        monkeypatch.setattr(Dataset, "__getitem__", lambda self, key: (asked.append(key), original(self, key))[1])
        assert page.get("/reviews/podium-1/samples").status == 200
        assert asked == ["validation"]

    def test_another_data_set_is_not_taken_for_it(self, page: Page, reviewed: House) -> None:
        import json

        file = reviewed.folder / "data" / "dataset.json"
        manifest = json.loads(file.read_text())
        file.write_text(json.dumps(manifest | {"digest": "0" * 64}))
        page.get("/reviews/podium-1/samples")
        assert page.status == 500
        assert "holds another data set now" in page.words
        file.unlink()
        assert "its data set cannot be opened here" in page.get("/reviews/podium-1/samples").words

    def test_changed_evidence_is_not_followed(self, page: Page, reviewed: House) -> None:
        for file in Path(reviewed.settings.state).rglob("leaderboard.json"):
            file.write_text(file.read_text().replace('"path": "data"', '"path": "/etc"'))
        page.get("/reviews/podium-1/samples")
        assert page.status == 409
        assert "its evidence has changed" in page.words

    def test_which_are_shown(self) -> None:
        labels = np.zeros(20, dtype=np.int64)
        mine, other = np.full((20, 2), 0.5, np.float32), np.full((20, 2), 0.5, np.float32)
        mine[:, 0], other[:, 0] = 0.9, 0.8
        mine[3], other[3] = (0.9, 0.1), (0.4, 0.6)
        mine[4], other[4] = (0.6, 0.4), (0.4, 0.6)
        mine[7], other[7] = (0.1, 0.9), (0.7, 0.3)
        mine[9], other[9] = (0.3, 0.7), (0.3, 0.7)
        found = choose(mine, other, labels)
        assert found[:4] == [3, 7, 4, 9]
        assert len(found) == len(set(found)) == samples.SHOWN
