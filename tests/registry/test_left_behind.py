"""A log that was moved and left events behind is told of, once a command, with the way to take them over."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from podium.cli.review import app
from podium.registry.left_behind import left_behind
from podium.registry.log import EventLog
from podium.settings import Settings

OPENED = {"model": "podium", "version": 1, "digest": "d"}


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The log is elsewhere now; two events stand in the state folder's."""
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    monkeypatch.setenv("PODIUM_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PODIUM_REVIEWS_URI", f"sqlite:///{tmp_path}/elsewhere/log.db")
    monkeypatch.delenv("PODIUM_TRACKING_URI", raising=False)
    (tmp_path / "state").mkdir()
    settings = Settings.from_environment()
    for _ in range(2):
        EventLog(settings.own_reviews).append("tested", "ada", OPENED)
    return settings


def warned() -> str:
    done = CliRunner().invoke(app, ["list"])
    assert done.exit_code == 0, done.output
    assert "warning" not in done.stdout, "scripts read the standard output"
    assert done.stderr.count("warning:") <= 1
    return done.stderr


@pytest.mark.slow
def test_it_names_the_command_that_takes_them_over(moved: Settings) -> None:
    told = warned()
    assert f"2 events of the decision log {moved.own_reviews} are not in" in told
    assert f"podium review import {moved.own_reviews}" in told
    taken = CliRunner().invoke(app, ["import", str(moved.own_reviews)])
    assert taken.exit_code == 0
    assert "warning" not in taken.stderr, "who does it need not be told to"
    assert warned() == ""
    assert EventLog(moved.reviews).verify() == 2


def test_events_that_can_no_longer_be_taken_over(moved: Settings) -> None:
    EventLog(moved.reviews).append("tested", "ada", OPENED)
    told = warned()
    assert "it has events of its own" in told
    assert "review import" not in told


def test_decisions_on_the_old_log_after_the_move_are_told(moved: Settings) -> None:
    EventLog(moved.reviews).take(EventLog(moved.own_reviews))
    EventLog(moved.own_reviews).append("tested", "ada", OPENED)
    assert "1 event of the decision log" in warned()


def test_where_nothing_was_left_nothing_is_said(moved: Settings) -> None:
    here = moved.model_copy(update={"reviews_uri": None})
    assert left_behind(here) is None
    moved.own_reviews.unlink()
    assert left_behind(moved) is None
    moved.own_reviews.write_text("no database")
    assert left_behind(moved) is None
    assert warned() == ""
