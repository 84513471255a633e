"""The test ledger counts decisions, not runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from podium.registry.ledger import Use, no_use, record_use
from podium.registry.log import EventLog
from podium.registry.state import fold, models
from podium.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, state=tmp_path / "state", tracking_uri="sqlite:///none.db")


def use(settings: Settings, challenger: str, champion: str | None, test: str = "t", model: str = "podium") -> Use:
    return record_use(settings, model=model, test=test, challenger=challenger, champion=champion, actor="ada")


def test_each_decision_gets_the_next_number(settings: Settings) -> None:
    assert use(settings, "a", None) == Use(use=1, uses=1, duel=None)
    assert use(settings, "b", "a") == Use(use=2, uses=2, duel=1)
    assert use(settings, "c", "a", model="other") == Use(use=3, uses=3, duel=2)
    assert no_use(settings, test="t") == Use(use=None, uses=3, duel=None)


def test_the_same_comparison_keeps_its_number(settings: Settings) -> None:
    first = use(settings, "a", None)
    use(settings, "b", "a")
    use(settings, "c", "a")
    assert use(settings, "a", None) == first.model_copy(update={"uses": 3})
    assert use(settings, "b", "a") == Use(use=2, uses=3, duel=1)
    assert len(EventLog(settings.reviews).events()) == 3


def test_another_champion_is_another_decision(settings: Settings) -> None:
    use(settings, "b", "a")
    assert use(settings, "b", "c").use == 2


def test_other_test_images_count_anew(settings: Settings) -> None:
    use(settings, "b", "a")
    assert use(settings, "b", "a", test="other") == Use(use=1, uses=1, duel=1)


def test_entries_are_no_reviews_and_stand_in_the_chain(settings: Settings) -> None:
    use(settings, "b", "a")
    log = EventLog(settings.reviews)
    assert log.verify() == 1
    assert models(log.events()) == ()
    assert fold(log.events(), "podium").reviews == {}


@pytest.mark.slow
def test_decisions_at_the_same_moment_get_different_numbers(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: use(settings, str(number), "a"), range(16)))
    assert sorted(entry.use or 0 for entry in found) == list(range(1, 17))
