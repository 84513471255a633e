"""A tick looks before it starts a driver; Slurm is a stand-in, the look is a program."""

from __future__ import annotations

import json
import logging
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from podium.errors import NOTHING_DUE
from podium.orchestration.looks import look_of, looked_at_by
from podium.orchestration.slurm import tick as ticks
from podium.orchestration.slurm.health import keep_firing
from podium.orchestration.slurm.plan import RUNS, VARIABLES, stamp
from podium.orchestration.slurm.schedules import replace
from podium.orchestration.slurm.tick import tick
from tests.cluster.stand_in import NOON, Site, plan

DRIVER = "retraining.schedule.12345678.run"
LOOK = "import json, os, sys; json.dump([json.load(sys.stdin), os.environ['TOKEN'], os.getcwd()], open('seen', 'w'))"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path.resolve()


@pytest.fixture
def site(root: Path) -> Site:
    made = Site()
    variables = {"TOKEN": "t", "ZENML_CONFIG_PATH": "x", "ZENML_CUSTOM_SOURCE_ROOT": str(root)}
    made.write("/shared/s", {VARIABLES: json.dumps(variables)})
    return made


def start(site: Site, status: int, **values: Any) -> bool:
    """A tick at noon, whose look ends with a status."""
    command = (sys.executable, "-c", f"{LOOK}; sys.exit({status})")
    replace(site, plan(**{"look": command, "parameters": {"config": {"name": "a"}}} | values))
    site.queue.clear()
    return tick(site, "/shared/s", NOON, 0, lambda: NOON)


def names(site: Site) -> list[str]:
    return [name.removeprefix("retraining.schedule.12345678.") for name in site.pending()]


def test_where_there_is_nothing_to_do_no_driver_is_started_and_the_schedule_goes_on(site: Site, root: Path) -> None:
    assert start(site, NOTHING_DUE) is False
    assert names(site) == ["20260115T121500Z.0"]
    seen = json.loads((root / "seen").read_text())
    assert seen == [{"config": {"name": "a"}}, "t", str(root)], "the parameters, the driver's variables, the checkout"
    assert f"/shared/s/{RUNS}/20260115T120000Z" not in site.files


@pytest.mark.parametrize("status", [0, 1, 2, 75, 137])
def test_where_there_is_something_or_the_look_fails_the_driver_is_started(site: Site, status: int) -> None:
    assert start(site, status) is True
    assert names(site) == ["20260115T121500Z.0", "run"]


@pytest.mark.parametrize("look", [("/nowhere/python", "-m", "x"), (sys.executable, "-c", "import time; time.sleep(9)")])
def test_a_look_that_cannot_be_made(
    site: Site, look: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("podium.orchestration.slurm.look.PATIENCE", 0.1)
    with caplog.at_level(logging.WARNING):
        assert start(site, 0, look=look) is True
    assert "nightly: the look could not be made" in caplog.text
    assert "run" in names(site)


@pytest.mark.parametrize("state", ["RUNNING", "PENDING"])
def test_what_comes_due_while_a_driver_runs_or_waits_for_its_restart_waits_for_it(
    site: Site, root: Path, state: str
) -> None:
    start(site, 0)
    site.becomes(DRIVER, "RUNNING")
    site.becomes(DRIVER, state)
    (root / "seen").unlink()
    assert tick(site, "/shared/s", NOON + timedelta(minutes=15), 0, lambda: NOON + timedelta(minutes=15))
    assert [name for name, _, _ in site.queue.values()].count(DRIVER) == 2
    assert not (root / "seen").exists(), "what is new is looked for when the other one has ended"


def test_a_tick_that_starts_no_driver_sees_whether_the_next_one_is_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(site, NOTHING_DUE)
    site.queue["9"] = (plan().tick_name(NOON), "/shared/s/ticks/20260115T120000Z.0", "RUNNING")
    monkeypatch.setattr(ticks, "Transport", lambda: site)
    monkeypatch.setattr(ticks.signal, "signal", lambda *_: None)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        for job in [job for job, (*_, state) in site.queue.items() if state == "PENDING"]:
            del site.queue[job]  # the controller is killed

    monkeypatch.setattr(ticks, "time", SimpleNamespace(sleep=sleep))
    assert ticks.main("/shared/s", stamp(NOON), "0") == 0
    assert slept == [ticks.SAVED]
    assert len(site.pending()) == 1
    keep_firing(site, "/shared/s", NOON, but=stamp(NOON))
    assert len(site.pending()) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("source_root")
def test_a_pipeline_names_its_look() -> None:
    from pipelines.retraining import retraining_pipeline
    from pipelines.training import training_pipeline

    assert look_of(retraining_pipeline.configuration) == ("python", "-m", "podium.retraining.look")
    assert look_of(training_pipeline.configuration) == ()
    assert looked_at_by(None) == {}
