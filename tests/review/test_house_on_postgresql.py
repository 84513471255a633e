"""MLflow and the decision log in one PostgreSQL database, artifacts in a folder: from registration to the audit."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.registry import promotion, tracking
from podium.registry.audit import audit, repair
from podium.registry.champion import champion_version
from podium.settings import Settings
from tests.registry.postgres import Database
from tests.registry.support import House

pytestmark = pytest.mark.slow


def test_register_approve_roll_back_audit(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where MLflow would put artifacts of a database without a root
    shared = tmp_path / "shared"
    settings = Settings.from_environment(
        {
            "PODIUM_ROOT": str(tmp_path),
            "PODIUM_STATE": str(tmp_path / "state"),
            "PODIUM_TRACKING_URI": database.uri,
            "PODIUM_ARTIFACT_ROOT": str(shared),
        }
    )
    house = House(settings, tracking.client(settings), tmp_path)
    for seed in (0, 1):
        review = house.open(seed)
        outcome = promotion.approve(settings, review.id, reason="good", actor="grace@lab", client=house.client)
        assert outcome.champion == seed + 1
    promotion.rollback(settings, "podium", reason="cats", actor="grace@lab", client=house.client)
    assert house.aliases() == {"champion": 1}
    found = audit(settings, client=house.client)
    assert (found.findings, found.versions_verified) == ((), 2)
    house.client.set_registered_model_alias("podium", "champion", "2")
    assert champion_version(settings, "podium", client=house.client) == 1, "whoever sets the alias promotes nothing"
    assert repair(settings, client=house.client).findings == ()
    assert house.aliases() == {"champion": 1}
    assert house.package(1).is_relative_to(shared)
    assert not (tmp_path / "mlruns").exists()
    assert not (settings.state / "reviews.db").exists()
    assert not (settings.state / "mlartifacts").exists()
