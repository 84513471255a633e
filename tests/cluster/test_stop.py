"""A run is stopped as a whole, whatever its driver does meanwhile; Slurm and ZenML are stand-ins."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from zenml.enums import ExecutionStatus

from podium.orchestration.slurm import jobs, stop
from podium.orchestration.slurm.poller import Poller
from podium.orchestration.slurm.transport import Done, SlurmError
from tests.cluster.stand_in import Site
from tests.cluster.test_states import row

DRIVER = {jobs.JOB: "1", jobs.FOLDER: "/shared/driver"}


class Dying(Site):
    """The driver takes a look or two to end, and submits one more step while it does; one job cannot be cancelled."""

    looks = 0
    stubborn: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.queue = {str(job): (f"job {job}", f"/shared/{job}", "RUNNING") for job in (1, 2, 3)}
        self.steps = {"a": step("a", "2"), "b": step("b", "3")}

    def run(self, *command: str, stdin: str = "") -> Done:
        if any(part.startswith("--Format=") for part in command):
            self.looks += 1
            if self.looks < 2:
                return Done(0, row("1", "COMPLETING"), "")
            self.queue["4"] = ("late", "/shared/late", "PENDING")
            self.steps["late"] = step("late", "4")
            return Done(0, row("1", "CANCELLED"), "")
        if command[0] == "scancel" and self.stubborn in command:
            return Done(1, "", "scancel: error: Kill job error: Connection refused")
        return super().run(*command, stdin=stdin)


def step(name: str, job: str | None) -> Any:
    return SimpleNamespace(
        id=name, name=name, status=ExecutionStatus.RUNNING, config=SimpleNamespace(step_operator=True),
        run_metadata={jobs.JOB: job, jobs.FOLDER: f"/shared/{job}"} if job else {},
    )  # fmt: skip


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(stop, "publish_stopped_step_run", told.append)
    monkeypatch.setattr(stop, "publish_pipeline_run_status_update", lambda *given: told.append(given[1].value))
    monkeypatch.setattr(stop, "LOOK", 0.0)
    return told


def end(site: Dying, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(run: UUID) -> Any:
        return SimpleNamespace(id=run, name="run 1", run_metadata=DRIVER, steps=dict(site.steps), stack=object())

    monkeypatch.setattr(stop, "Client", lambda: SimpleNamespace(get_pipeline_run=run))
    stop.stop_run(site, Poller(site, 0.0), UUID(int=1))


def test_what_the_driver_submits_while_it_ends_is_cancelled_too(
    monkeypatch: pytest.MonkeyPatch, published: list[str]
) -> None:
    site = Dying()
    end(site, monkeypatch)
    assert {job: state for job, (_, _, state) in site.queue.items()} == dict.fromkeys("1234", "CANCELLED")
    assert published == ["a", "b", "late", "stopped"]


def test_a_job_that_cannot_be_cancelled_keeps_no_other(monkeypatch: pytest.MonkeyPatch, published: list[str]) -> None:
    site = Dying()
    site.stubborn = "2"
    with pytest.raises(SlurmError, match="run 1 goes on: a: jobs 2 could not be cancelled"):
        end(site, monkeypatch)
    assert [job for job, (_, _, state) in site.queue.items() if state == "CANCELLED"] == ["1", "3", "4"]
    assert published == ["b", "late"]


def test_a_step_of_which_no_job_was_recorded_is_cancelled_by_its_name(
    monkeypatch: pytest.MonkeyPatch, published: list[str]
) -> None:
    site, cancelled = Dying(), []
    site.steps["lost"] = step("lost", None)
    operator = SimpleNamespace(cancel=lambda step: cancelled.append(step.name))
    stack = SimpleNamespace(from_model=lambda model: SimpleNamespace(step_operator=operator, step_operators={}))
    monkeypatch.setattr(stop, "Stack", stack)
    end(site, monkeypatch)
    assert cancelled == ["lost"]
    assert "lost" in published
