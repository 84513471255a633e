"""What the log keeps of how it is known who decided, and who ran what is decided on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from podium.errors import ReviewError
from podium.orchestration.registration import _author
from podium.registry import promotion
from podium.registry.provenance import current_user
from tests.review.made import Office


def test_a_name_that_a_command_was_told_is_told_as_such(office: Office) -> None:
    office.policy(quorum=2)
    office.open()
    office.approve("grace", via="desk")
    outcome = office.approve("joan")
    assert [(vote.actor, vote.via, vote.process) for vote in outcome.review.votes] == [
        ("grace", "desk", current_user()), ("joan", "terminal", current_user()),
    ]  # fmt: skip
    assert [vote.named_by for vote in outcome.review.votes] == [None, current_user()]
    assert outcome.review.decision is not None
    assert outcome.review.decision.named_by == current_user()
    assert office.log.events()[2].payload["via"] == "terminal", "and the log keeps it"


def test_who_decides_under_their_own_name_is_named_by_nobody(office: Office) -> None:
    office.open()
    decision = office.approve(current_user()).review.decision
    assert decision is not None
    assert (decision.via, decision.named_by) == ("terminal", None)
    office.open(2)
    office.approve(current_user().partition("@")[0], 2)
    assert office.state.reviews[2].votes[0].named_by is None


@pytest.mark.slow
def test_a_rollback_is_of_the_champion_that_was_seen(office: Office) -> None:
    for number in (1, 2, 3):
        office.open(number)
        office.approve("grace@lab", number)
    arguments: dict[str, Any] = {"reason": "worse", "actor": "grace@lab", "client": office.client, "to": 1}
    with pytest.raises(ReviewError, match="the champion has just changed"):
        promotion.rollback(office.settings, "podium", seen_champion=2, **arguments)
    assert office.champion() == "3"
    promotion.rollback(office.settings, "podium", seen_champion=3, **arguments)
    assert office.champion() == "1"


class Zenml:
    """As much of ZenML's client as is asked for the user of a run."""

    def get_pipeline_run(self, _: str) -> Any:
        return SimpleNamespace(user=SimpleNamespace(name="ada"))


def test_the_author_is_whom_the_server_knows(office: Office) -> None:
    client: Any = Zenml()
    assert _author(client, "https://zenml.example.org", "1") == "ada"
    assert _author(client, "sqlite:////home/ada/zenml.db", "1") is None, "then the process is the person's own"
