"""The retraining pipeline on a schedule of the real cluster: it trains when there is something new, and only then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from podium.retraining.history import Entry, History
from tests.cluster.conftest import user_environment
from tests.cluster.slurm import Cluster, until
from tests.cluster.test_scheduled import Commands, outputs
from tests.conftest import ROOT
from tests.product.workspace import Workspace

pytestmark = pytest.mark.slow

FILE: dict[str, Any] = {
    "schedule": {"name": "weekly", "cron_expression": "30 3 * * 1", "end_time": "2099-01-01T00:00:00Z"},  # by ticks
    "settings": {"orchestrator": {"memory": "3G"}},
    "steps": {"train": {"step_operator": False}, "examine": {"step_operator": False}},  # each would be a start more
    "parameters": {
        "config": {
            "name": "weekly",
            "trainer": {"epochs": 1, "augment": {"flip": False, "rotation": 5}},
            "candidates": ["simple_cnn"],
            "threads": 1,
            "registry": {"model": "weekly", "onnx": False},
        }
    },
}


@pytest.fixture
def zenml(site: Workspace, cluster: Cluster) -> Iterator[Commands]:
    site.call("podium", "stack", "up", "slurm_driver")
    paths = f"{site.root}:{ROOT}:{ROOT / 'src'}"
    made = Commands(site, user_environment(site, cluster, site.root) | {"PYTHONPATH": paths})
    yield made
    made.process.kill()
    made.process.wait()


def test_it_trains_once_and_then_looks_without_a_driver(zenml: Commands, cluster: Cluster, site: Workspace) -> None:
    file = site.root / "configs" / "weekly.yaml"
    file.write_text(yaml.safe_dump(FILE))
    pipeline = "pipelines.retraining.retraining_pipeline"
    printed = zenml("pipeline", "run", pipeline, "-c", str(file), "-s", "slurm_driver")
    assert "schedule weekly (job): due next at" in printed
    history = History(site.state / "retraining.db", "weekly")

    def told() -> str:
        return f"{cluster.call('squeue')}{outputs(site)}{history.entries()}"

    first = tick(cluster)
    cluster.call("scontrol", "update", f"JobId={first}", "StartTime=now")
    until(lambda: events(history) in ("started ended", "started failed"), told, 420, 0.5)
    ended = history.entries()[-1]
    assert ended.event == "ended", told()
    review = ended.detail["review"]
    assert review in [one["id"] for one in site.json("review", "list")["reviews"]]
    until(lambda: not jobs(cluster, "RUNNING"), told, 60)

    second = tick(cluster)
    assert second != first
    cluster.call("scontrol", "update", f"JobId={second}", "StartTime=now")
    until(lambda: events(history) == "started ended checked", told, 60)
    assert checked(history).detail == {"kind": "unchanged", "reasons": ["nothing has changed"]}
    until(lambda: "no driver is started" in outputs(site), told, 60)
    until(lambda: not jobs(cluster, "RUNNING"), told, 60)
    third = tick(cluster)
    assert third not in (first, second), "the schedule goes on"
    assert len(drivers(site)) == 1
    assert not jobs(cluster, "PENDING,RUNNING", "run")
    assert "looked" in site.call("podium", "retrain", "history", str(file))

    runs = zenml("pipeline", "runs", "list", "--output=json", "--columns=status,name")
    assert runs.count("retraining-") == 1, runs
    zenml("pipeline", "schedule", "delete", "weekly", "--yes")
    assert not jobs(cluster, "PENDING,RUNNING")


def jobs(cluster: Cluster, states: str, ending: str = "") -> list[str]:
    """Ids of the schedule's ticks and drivers."""
    lines = cluster.call("squeue", "--noheader", f"--states={states}", "--format=%i %j").splitlines()
    named = [line.split() for line in lines]
    return [job for job, name in named if name.startswith("retraining.schedule.") and name.endswith(ending)]


def tick(cluster: Cluster) -> str:
    """The one that waits."""
    [found] = jobs(cluster, "PENDING")
    return found


def events(history: History) -> str:
    return " ".join(entry.event for entry in history.entries())


def checked(history: History) -> Entry:
    return next(entry for entry in history.entries() if entry.event == "checked")


def drivers(site: Workspace) -> list[Path]:
    """Folders of this schedule's; the site has seen others."""
    plans = site.state.glob("slurm/schedules/*/plan.json")
    [folder] = [plan.parent for plan in plans if json.loads(plan.read_text())["name"] == "weekly"]
    return list((folder / "runs").iterdir())
