"""Votes on a decision log in PostgreSQL: the same tests as on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from podium.cli.review import app
from podium.errors import ReviewError
from tests.registry.postgres import PASSWORD, Database
from tests.review import test_votes
from tests.review.made import Office

pytestmark = pytest.mark.slow


@pytest.fixture
def office(office: Office, database: Database) -> Office:
    """Its log on the server; what is not of the log stays in the folder."""
    office.settings = office.settings.model_copy(update={"reviews_uri": database.uri})
    return office


class TestQuorum(test_votes.TestQuorum):
    pass


class TestOldLogs(test_votes.TestOldLogs):
    pass


def test_a_log_is_imported_by_the_command(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = office.settings.model_copy(update={"reviews_uri": None})
    old = Office(before, office.client)
    old.policy(quorum=2)
    old.open()
    old.approve("grace@lab")
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    monkeypatch.setenv("PODIUM_STATE", str(before.state))
    monkeypatch.setenv("PODIUM_REVIEWS_URI", str(office.settings.reviews))
    left = CliRunner().invoke(app, ["list"])
    assert f"podium review import {before.reviews}" in left.stderr
    assert PASSWORD not in left.stderr
    told = CliRunner().invoke(app, ["import", str(before.reviews)])
    assert (told.exit_code, told.stdout.split(": ")[1]) == (0, f"2 events taken from {before.reviews}\n")
    assert PASSWORD not in told.stdout
    assert CliRunner().invoke(app, ["list"]).stderr == ""
    assert office.approve("joan@lab").champion == 1
    assert office.log.verify() == 4
    again = CliRunner().invoke(app, ["import", str(before.reviews)])
    assert isinstance(again.exception, ReviewError)
    assert "has 4 events already" in again.exception.message
