"""Random sequences of operations, held against the rules written down once more, as simply as can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.errors import PodiumError
from podium.registry import log_sqlite, promotion, rules
from podium.registry.audit import audit
from podium.registry.sync import sync
from tests.review.made import AUTHOR, Office, make_office

PEOPLE = (AUTHOR, "grace@lab", "joan@lab", "eve@lab")
VERSIONS = (1, 2)
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # every event is synchronized with the disk
START = datetime(2026, 1, 1, tzinfo=UTC)

person, version = st.sampled_from(PEOPLE), st.sampled_from(VERSIONS)
operation = st.one_of(
    st.tuples(st.just("approve"), version, person, st.booleans()),
    st.tuples(st.just("approve"), version, person, st.just(False)),
    st.tuples(st.just("approve"), st.just(1), person, st.just(False)),
    st.tuples(st.just("open"), version, st.sampled_from(["promote-eligible", "blocked"]), st.sampled_from("12")),
    st.tuples(st.just("reject"), version, person),
    st.tuples(st.just("rollback"), person),
    st.tuples(st.just("wait"), st.sampled_from([10, 31])),
    st.tuples(st.just("policy"), st.integers(0, 1)),
    st.tuples(st.just("tamper"), version),
)
policy = st.fixed_dictionaries(
    {
        "quorum": st.integers(1, 2),
        "self_approval": st.booleans(),
        "reviewers": st.sampled_from([[], list(PEOPLE[:3])]),
        "overrides": st.sampled_from([[], list(PEOPLE[:3])]),
        "expires_days": st.sampled_from([30, None]),
    }
)


@dataclass
class Asked:
    policy: dict[str, Any]
    outcome: str
    dossier: str
    against: int | None
    day: int
    votes: list[str] = field(default_factory=list)
    verdict: str | None = None


@dataclass
class Model:
    """The rules, without log, registry and names."""

    policy: dict[str, Any]
    day: int = 0
    asked: dict[int, Asked] = field(default_factory=dict)
    champions: list[int] = field(default_factory=list)

    @property
    def champion(self) -> int | None:
        return self.champions[-1] if self.champions else None

    def expired(self, asked: Asked) -> bool:
        days = asked.policy["expires_days"]
        return days is not None and self.day - asked.day >= days

    def open(self, number: int, outcome: str, dossier: str) -> bool:
        before = self.asked.get(number)
        if before and before.verdict:
            return True
        same = before and (before.policy, before.outcome, before.dossier, before.against) == (
            self.policy, outcome, dossier, self.champion,
        )  # fmt: skip
        if before is None or not same or self.expired(before):
            self.asked[number] = Asked(self.policy, outcome, dossier, self.champion, self.day)
        return True

    def may_decide(self, number: int, who: str) -> bool:
        asked = self.asked.get(number)
        if asked is None or asked.verdict:
            return False
        return not self.policy["reviewers"] or who in self.policy["reviewers"]

    def approve(self, number: int, who: str, override: bool) -> bool:
        if not self.may_decide(number, who):
            return False
        asked = self.asked[number]
        if asked.policy != self.policy:  # a rejection promotes nothing, and needs no policy that is in force
            return False
        blocked = asked.outcome == "blocked"
        if self.expired(asked) or who in asked.votes or override != blocked or asked.against != self.champion:
            return False
        if (who == AUTHOR and not self.policy["self_approval"]) or (blocked and who not in self.policy["overrides"]):
            return False
        asked.votes.append(who)
        if len(asked.votes) == self.policy["quorum"]:
            asked.verdict = "approved"
            self.champions.append(number)
        return True

    def reject(self, number: int, who: str) -> bool:
        allowed = self.may_decide(number, who)
        if allowed:
            self.asked[number].verdict = "rejected"
        return allowed

    def rollback(self, who: str) -> bool:
        allowed = len(self.champions) > 1 and (not self.policy["reviewers"] or who in self.policy["reviewers"])
        if allowed:
            self.champions.pop()
        return allowed


def perform(office: Office, model: Model, step: tuple[Any, ...]) -> bool:
    """Do it; whether it was allowed."""
    kind, *arguments = step
    try:
        if kind == "open":
            number, outcome, dossier = arguments
            office.open(number, outcome=outcome, dossier=dossier * 64, against=model.champion)
        elif kind == "approve":
            number, who, override = arguments
            office.approve(who, number, override=override)
        elif kind == "reject":
            number, who = arguments
            office.reject(who, number)
        else:
            promotion.rollback(office.settings, "podium", reason="x", actor=arguments[0], client=office.client)  # type: ignore[arg-type]
    except PodiumError:
        return False
    return True


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(policies=st.tuples(policy, policy), steps=st.lists(operation, min_size=8, max_size=16))
def run_random(policies: tuple[dict[str, Any], ...], steps: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory(dir=MEMORY) as folder, pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        for module in (promotion, log_sqlite):
            patch.setattr(module, "datetime", clock)
        for name in ("promotion", "audit", "sync"):
            patch.setattr(f"podium.registry.{name}.verify_request", lambda *_: None)
        patch.setattr("podium.registry.tracking.exists", lambda _: True)
        office, model = make_office(Path(folder)), Model(policies[0])
        office.policy(**policies[0])
        for step in (("open", 1, "promote-eligible", "1"), *steps):
            if step[0] == "wait":
                clock.day = model.day = model.day + step[1]
            elif step[0] == "policy":
                model.policy = policies[step[1]]
                office.policy(**model.policy)
            elif step[0] == "tamper":
                office.client.set_registered_model_alias("podium", "champion", str(step[1]))
                sync(office.settings, actor="ops", client=office.client)  # type: ignore[arg-type]
            else:
                before = office.kinds()
                expected = getattr(model, step[0])(*step[1:])
                assert perform(office, model, step) is expected, (step, model)
                assert expected or office.kinds() == before, "a refusal leaves no trace"
            agree(office, model)
        assert audit(office.settings, client=office.client).findings == ()  # type: ignore[arg-type]


def agree(office: Office, model: Model) -> None:
    """Log, registry and model say the same."""
    state = office.state
    assert list(state.champions) == model.champions
    assert office.champion() == (str(model.champions[-1]) if model.champions else None)
    assert {n: [vote.actor for vote in review.votes] for n, review in state.reviews.items()} == {
        n: asked.votes for n, asked in model.asked.items()
    }
    assert {n: review.decision and review.decision.verdict for n, review in state.reviews.items()} == {
        n: asked.verdict for n, asked in model.asked.items()
    }
    assert all(rules.faults(review) == [] for review in state.reviews.values())
    office.log.verify()


class Clock:
    """Stands for ``datetime``: the time is what the test says."""

    def __init__(self) -> None:
        self.day = 0

    def now(self, _: object = None) -> datetime:
        return START + timedelta(days=self.day)


@pytest.mark.slow
def test_random_sequences_follow_the_rules() -> None:
    run_random()
