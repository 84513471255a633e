"""A run whose driver will be started again, by Slurm or Kubernetes, is not closed by another run."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from zenml.enums import ExecutionStatus, StackComponentType
from zenml.orchestrators.local.local_orchestrator import LocalOrchestrator, LocalOrchestratorConfig
from zenml.stack import StackComponent

from podium.orchestration import driver
from podium.orchestration.slurm import orchestrator as slurm
from podium.orchestration.slurm.settings import SlurmOrchestratorConfig

JOB = "17"


class Store:
    """A client whose store has one run with one step, both running."""

    def __init__(self, *, stack: bool = True) -> None:
        components = {StackComponentType.ORCHESTRATOR: ["the orchestrator"]}
        self.run = SimpleNamespace(
            id=uuid4(),
            name="training-1",
            status=ExecutionStatus.RUNNING,
            stack=SimpleNamespace(components=components) if stack else None,
            run_metadata={slurm.JOB: JOB},
        )
        self.step = SimpleNamespace(id=uuid4(), status=ExecutionStatus.RUNNING)
        self.closed: list[UUID] = []
        self.zen_store = SimpleNamespace(
            update_run=lambda run, update: self.closed.append(run),
            update_run_step=lambda step, update: self.closed.append(step),
        )

    def get_pipeline_run(self, run: UUID) -> Any:
        assert run == self.run.id
        return self.run

    def list_run_steps(self, **query: Any) -> Any:
        return SimpleNamespace(items=[self.step])


class Kubernetes:
    """As ZenML's: the status of the driver's job, None while it is not over, or where nobody answers."""

    config = object()

    def __init__(self, status: ExecutionStatus | None) -> None:
        self.status = status

    def fetch_status(self, run: Any) -> tuple[ExecutionStatus | None, None]:
        return self.status, None


def component(kind: Any, config: Any) -> Any:
    now = datetime.now(UTC)
    kind_of = StackComponentType.ORCHESTRATOR
    return kind(name="o", id=uuid4(), config=config, flavor="o", type=kind_of, user=None, created=now, updated=now)


def bury(monkeypatch: pytest.MonkeyPatch, folder: Path, client: Any, orchestrator: Any) -> bool:
    """Whether another run closes the one of ``client``; its lock file goes with it, and only then."""
    folder.mkdir(exist_ok=True)

    def load(model: Any) -> Any:
        if isinstance(orchestrator, Exception):
            raise orchestrator
        return orchestrator

    monkeypatch.setattr(StackComponent, "from_model", load)
    store = UUID(int=1)
    file = driver.lock_file(folder, store, client.run.id)
    file.touch()
    driver.bury(client, folder, store)
    assert client.closed in ([], [client.step.id, client.run.id])
    assert file.exists() is not bool(client.closed)
    return bool(client.closed)


@pytest.fixture
def squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that holds the state of the driver's job, as ``squeue`` tells it; empty: the job is forgotten."""
    programs, told = tmp_path / "bin", tmp_path / "state"
    programs.mkdir()
    columns = (
        f"[ -s {told} ] && printf '%-40s%-24s%-12s%-8s%-60s%-80s\\n' {JOB} \"$(cat {told})\" 0 1 '' BeginTime; true"
    )
    for name, body in {"squeue": columns, "sacct": "echo accounting is disabled >&2; exit 1"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    slurm.poller_for.cache_clear()
    return told


@pytest.mark.parametrize(
    ("state", "closes"),
    [("PENDING", False), ("FAILED", True), ("", True)],
)
def test_a_driver_that_is_a_slurm_job(
    squeue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, closes: bool
) -> None:
    squeue.write_text(state)
    client = Store()
    monkeypatch.setattr(slurm, "Client", lambda: client)
    config = SlurmOrchestratorConfig(folder=str(tmp_path))
    assert bury(monkeypatch, tmp_path / "drivers", client, component(slurm.SlurmOrchestrator, config)) is closes


@pytest.mark.parametrize(("status", "closes"), [(None, False), (ExecutionStatus.FAILED, True)])
def test_a_driver_that_is_a_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: ExecutionStatus | None, closes: bool
) -> None:
    assert bury(monkeypatch, tmp_path, Store(), Kubernetes(status)) is closes


def test_a_driver_that_is_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bury(monkeypatch, tmp_path, Store(), component(LocalOrchestrator, LocalOrchestratorConfig()))


def test_a_run_whose_stack_was_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bury(monkeypatch, tmp_path, Store(stack=False), None)


def test_an_orchestrator_that_cannot_be_asked_here_leaves_the_run_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert not bury(monkeypatch, tmp_path, Store(), ImportError("No module named 'kubernetes'"))
    assert "training-1 goes on, so it is left alone (No module named 'kubernetes')" in caplog.text
