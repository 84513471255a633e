"""Who the champion is: the decision log says so, wherever there is one of the registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.registry import promotion, tracking
from podium.registry.champion import champion_version, resolve_version
from podium.registry.log import EventLog
from tests.registry.postgres import Database
from tests.registry.support import House

pytestmark = pytest.mark.slow


@pytest.fixture
def disputed(house: House) -> House:
    """Version 1 was approved; somebody set the alias to version 2, which nobody approved."""
    for seed in range(2):
        house.open(seed)
    promotion.approve(house.settings, "podium-1", reason="good", actor="grace@lab", client=house.client)
    house.client.set_registered_model_alias("podium", "champion", "2")
    return house


def test_with_a_tracking_server_the_log_in_postgresql_tells(disputed: House, database: Database) -> None:
    EventLog(database.uri).take(EventLog(disputed.settings.reviews))
    server = {"tracking_uri": "http://tracking.example.org", "reviews_uri": database.uri}
    settings = disputed.settings.model_copy(update=server)
    assert not tracking.is_local(settings)
    assert champion_version(settings, "podium", client=disputed.client) == 1
    assert resolve_version(settings, "podium", "champion", client=disputed.client) == 1


def test_an_alias_promotes_nothing_where_the_log_in_postgresql_is_empty(disputed: House, database: Database) -> None:
    settings = disputed.settings.model_copy(
        update={"tracking_uri": "http://tracking.example.org", "reviews_uri": database.uri}
    )
    assert champion_version(settings, "podium", client=disputed.client) is None


def test_a_log_that_is_named_tells_also_in_a_file(disputed: House, tmp_path: Path) -> None:
    file = tmp_path / "shared" / "reviews.db"
    file.parent.mkdir()
    EventLog(file).take(EventLog(disputed.settings.reviews))
    settings = disputed.settings.model_copy(
        update={"tracking_uri": "http://tracking.example.org", "reviews_uri": f"sqlite:///{file}"}
    )
    assert champion_version(settings, "podium", client=disputed.client) == 1
    own = settings.model_copy(update={"reviews_uri": f"sqlite:///{settings.own_reviews}"})
    assert champion_version(own, "podium", client=disputed.client) == 1, "also where it would be anyway"


def test_a_machine_that_knows_no_log_of_the_server_goes_by_the_alias(disputed: House) -> None:
    settings = disputed.settings.model_copy(update={"tracking_uri": "http://tracking.example.org"})
    assert champion_version(settings, "podium", client=disputed.client) == 2
