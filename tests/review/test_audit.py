"""The audit of decisions and stages, and the repair: recorded, repeatable, never on a log that cannot be trusted."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import pytest

from podium.errors import RegistryError
from podium.registry.audit import audit, repair
from podium.registry.state import fold
from tests.review.made import Office


class Stages:
    """A mirror that keeps stages in memory."""

    def __init__(self, held: dict[int, str]) -> None:
        self.held, self.fails = held, False

    def apply(self, model: str, stages: Mapping[int, str]) -> list[str]:
        changes = self.differences(model, stages)
        self.held.update(stages)
        return changes

    def differences(self, model: str, stages: Mapping[int, str]) -> list[str]:
        if self.fails:
            raise RegistryError("ZenML does not answer")
        return [f"v{n}: {self.held.get(n)} → {stage}" for n, stage in stages.items() if self.held.get(n) != stage]


@pytest.fixture
def office(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """With a champion, version 1, and a challenger, version 2."""
    monkeypatch.setattr("podium.registry.tracking.exists", lambda _: True)
    office.policy(quorum=2)
    for number in (1, 2):
        office.open(number)
    office.approve("grace@lab")
    office.approve("joan@lab")
    return office


def examine(office: Office, **arguments: object) -> tuple[str, ...]:
    return audit(office.settings, client=office.client, **arguments).findings  # type: ignore[arg-type]


def test_all_is_well(office: Office) -> None:
    outcome = audit(office.settings, client=office.client, mirror=Stages({1: "production", 2: "staging"}))  # type: ignore[arg-type]
    assert (outcome.findings, outcome.repaired, outcome.events) == ((), (), 5)
    kinds = office.kinds()
    assert repair(office.settings, client=office.client).repaired == ()  # type: ignore[arg-type]
    assert office.kinds() == kinds, "a repair of nothing leaves no trace"


def test_aliases_and_stages_are_restored_and_that_is_recorded(office: Office) -> None:
    stages = Stages({1: "production", 2: "production"})
    office.client.set_registered_model_alias("podium", "champion", "2")
    found = examine(office, mirror=stages)
    assert any("unexplained champion" in finding for finding in found)
    assert "v2: production → staging" in found
    outcome = repair(office.settings, actor="ops", client=office.client, mirror=stages)  # type: ignore[arg-type]
    assert outcome.findings == ()
    assert outcome.repaired == ("podium: alias champion: version 2 → version 1", "v2: production → staging")
    event = office.log.events()[-1]
    assert (event.kind, event.actor, tuple(event.payload["changes"])) == ("repaired", "ops", outcome.repaired)
    assert (office.champion(), stages.held) == ("1", {1: "production", 2: "staging"})
    assert office.log.verify() == 6
    assert fold(office.log.events(), "podium").champions == (1,)


def test_a_decision_that_was_not_carried_out_is(office: Office) -> None:
    office.approve("grace@lab", 2)
    payload = {"model": "podium", "version": 2, "reason": "fine", "quorum": 2}
    office.log.append("approved", "joan@lab", payload)  # and then it crashed
    outcome = repair(office.settings, actor="ops", client=office.client)  # type: ignore[arg-type]
    assert office.champion() == "2"
    assert office.kinds()[-2:] == ["applied", "repaired"]
    assert (outcome.findings, office.state.pending) == ((), ())


def test_stages_out_of_reach_are_a_finding_and_the_aliases_are_restored(office: Office) -> None:
    stages = Stages({})
    stages.fails = True
    office.client.set_registered_model_alias("podium", "champion", "2")
    outcome = repair(office.settings, client=office.client, mirror=stages)  # type: ignore[arg-type]
    assert outcome.findings == ("ZenML does not answer",)
    assert office.champion() == "1"
    assert office.kinds()[-1] == "repaired"


def break_chain(office: Office, statement: str) -> None:
    with sqlite3.connect(office.settings.reviews) as connection:
        for action in ("update", "delete"):
            connection.execute(f"DROP TRIGGER events_no_{action}")
        connection.execute(statement)


def test_nothing_is_restored_from_a_broken_chain(office: Office) -> None:
    break_chain(office, "UPDATE events SET actor = 'eve' WHERE seq = 3")
    office.client.set_registered_model_alias("podium", "champion", "2")
    before = office.log.events()
    outcome = repair(office.settings, client=office.client)  # type: ignore[arg-type]
    assert "chain is broken: event 3" in outcome.findings[0]
    assert (outcome.repaired, office.champion(), office.log.events()) == ((), "2", before)


def test_nor_from_a_log_that_was_cut_short(office: Office) -> None:
    break_chain(office, "DELETE FROM events WHERE seq > 2")
    outcome = repair(office.settings, client=office.client)  # type: ignore[arg-type]
    assert "podium: not repaired: its log is incomplete" in outcome.findings[0]
    assert (outcome.repaired, office.champion()) == ((), "1")


def test_a_decision_without_the_quorum_is_found(office: Office) -> None:
    """Whatever wrote it: an older Podium, or somebody who knows the log's format."""
    office.log.append("approved", "grace@lab", {"model": "podium", "version": 2, "reason": "mine"})
    assert "podium-2: decision 6 of the log rests on 1 of 2 approvals" in examine(office)


def test_a_vote_that_the_policy_does_not_allow_is_found(office: Office) -> None:
    for kind, actor in (("voted", "grace@lab"), ("approved", "grace")):
        office.log.append(kind, actor, {"model": "podium", "version": 2, "reason": "mine"})
    (finding,) = [finding for finding in examine(office) if "vote" in finding]
    assert finding.startswith("vote 7 of the log should not have counted: podium-2: grace@lab has approved it already")
