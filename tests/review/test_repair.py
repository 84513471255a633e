"""After a crash or a change behind the log's back: it is noticed, and ``sync`` restores what was decided."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import pytest

from podium.errors import RegistryError, ReviewError
from podium.registry import promotion, reviews
from podium.registry.audit import audit
from podium.registry.log import EventLog, Writer
from podium.registry.state import fold
from podium.registry.sync import sync
from tests.registry.support import Crash, CrashingClient, House


def approve(house: House, review: str, **changes: object) -> promotion.Outcome:
    arguments = {"reason": "good", "actor": "grace", "client": house.client} | changes
    return promotion.approve(house.settings, review, **arguments)  # type: ignore[arg-type]


def findings(house: House) -> tuple[str, ...]:
    return tuple(f for overview in reviews.overviews(house.settings, client=house.client) for f in overview.findings)


def state(house: House):
    return fold(EventLog(house.settings.reviews).events(), "podium")


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_crash_in_an_approval_is_repaired(house: House, write: int, *, after: bool) -> None:
    """Writes: the decision's tag, champion, challenger. The decision is in the log before all of them."""
    approve(house, house.open(0).id)
    review = house.open(1)
    with pytest.raises(Crash):
        approve(house, review.id, client=CrashingClient(house.client, write, after=after))
    assert state(house).champion == 2
    assert state(house).pending
    assert "not carried out completely" in findings(house)[0]
    sync(house.settings, client=house.client)
    assert house.aliases() == {"champion": 2}
    assert (findings(house), state(house).pending) == ((), ())
    assert audit(house.settings, client=house.client).findings == ()


@pytest.mark.slow
def test_a_crash_before_the_record_promotes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    review = house.open()

    def die(*_args: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "append", die)
        with pytest.raises(Crash):
            approve(house, review.id)
    assert house.aliases() == {"challenger": 1}
    assert approve(house, review.id).champion == 1


@pytest.mark.slow
def test_the_next_decision_repairs_too(house: House) -> None:
    review = house.open()
    with pytest.raises(Crash):
        approve(house, review.id, client=CrashingClient(house.client, 2, after=False))
    with pytest.raises(ReviewError, match="already decided"):
        approve(house, review.id)
    assert house.aliases() == {"champion": 1}
    assert state(house).pending == ()


@pytest.mark.slow
def test_a_promotion_without_decision_is_noticed_and_undone(house: House) -> None:
    approve(house, house.open(0).id)
    house.open(1)
    house.client.set_registered_model_alias("podium", "champion", "2")
    (finding,) = findings(house)
    assert "unexplained champion: the registry promotes version 2, the decision log version 1" in finding
    assert audit(house.settings, client=house.client).findings == (finding,)
    changes = sync(house.settings, actor="ops", client=house.client)
    assert changes == ["podium: alias champion: version 2 → version 1"]
    assert house.aliases() == {"champion": 1, "challenger": 2}
    assert EventLog(house.settings.reviews).events()[-1].kind == "synced"
    assert sync(house.settings, client=house.client) == []


def test_a_first_promotion_without_decision_is_noticed(house: House) -> None:
    house.register()
    house.client.set_registered_model_alias("podium", "champion", "1")
    assert "the decision log none" in findings(house)[0]


@pytest.mark.slow
def test_a_version_whose_review_is_not_open_yet_keeps_its_alias(house: House) -> None:
    house.open(0)
    house.register(1)  # killed before open_review
    sync(house.settings, client=house.client)
    assert house.aliases() == {"challenger": 2}


@pytest.mark.slow
def test_audit_finds_a_changed_artifact(house: House) -> None:
    approve(house, house.open(0).id)
    house.open(1)
    (house.package(2) / "model.py").write_text("import os")
    outcome = audit(house.settings, client=house.client)
    assert outcome.versions_verified == 1
    assert "podium-2: changed since the review was opened: MLflow package" in outcome.findings[0]


@pytest.mark.slow
def test_audit_finds_an_edited_log(house: House) -> None:
    approve(house, house.open().id)
    with sqlite3.connect(house.settings.reviews) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET payload = replace(payload, 'good', 'bad') WHERE seq = 2")
    (finding,) = audit(house.settings, client=house.client).findings
    assert "chain is broken: event 2 (approved" in finding


@pytest.mark.slow
def test_audit_finds_a_log_that_was_cut_short(house: House) -> None:
    approve(house, house.open().id)
    with sqlite3.connect(house.settings.reviews) as connection:
        connection.execute("DROP TRIGGER events_no_delete")
        connection.execute("DELETE FROM events WHERE seq >= 2")
    found = audit(house.settings, client=house.client).findings
    assert any("bears a decision that the log does not hold" in finding for finding in found)
    assert any("unexplained champion" in finding for finding in found)


class BrokenMirror:
    def apply(self, model: str, stages: Mapping[int, str]) -> list[str]:
        raise RegistryError("ZenML does not answer", remedy="run `podium review sync`")

    def differences(self, model: str, stages: Mapping[int, str]) -> list[str]:
        raise RegistryError("ZenML does not answer")


class RecordingMirror:
    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[int, str]]] = []

    def apply(self, model: str, stages: Mapping[int, str]) -> list[str]:
        self.calls.append((model, dict(stages)))
        return []

    def differences(self, model: str, stages: Mapping[int, str]) -> list[str]:
        return []


@pytest.mark.slow
def test_a_mirror_out_of_reach_does_not_undo_the_decision(house: House) -> None:
    review = house.open(0)
    with pytest.raises(RegistryError, match="ZenML does not answer") as error:
        approve(house, review.id, mirror=BrokenMirror())
    assert "podium review sync" in error.value.remedy
    assert house.aliases() == {"champion": 1}
    assert state(house).pending, "the mirror is still to do"
    mirror = RecordingMirror()
    sync(house.settings, mirror=mirror, client=house.client)
    assert mirror.calls == [("podium", {1: "production"})]
    assert state(house).pending == ()


@pytest.mark.slow
def test_stages_follow_the_decisions(house: House) -> None:
    mirror = RecordingMirror()
    for seed in range(2):
        approve(house, house.open(seed).id, mirror=mirror)
    house.open(2)
    house.open(3)
    sync(house.settings, mirror=mirror, client=house.client)
    assert mirror.calls[-1][1] == {1: "archived", 2: "production", 3: "none", 4: "staging"}
