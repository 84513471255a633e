"""Jobs that Slurm took away for good are submitted again, and not for ever; Slurm and ZenML are stand-ins."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from zenml.enums import ExecutionStatus

from podium.orchestration.slurm import again, jobs, orchestrator
from podium.orchestration.slurm.orchestrator import SlurmOrchestrator
from podium.orchestration.slurm.poller import Poller
from podium.orchestration.slurm.recovery import unrecorded
from podium.orchestration.slurm.settings import SlurmOrchestratorConfig, SlurmSettings
from podium.orchestration.slurm.transport import Done, SlurmError, SlurmUnreachable, Transport
from tests.cluster.stand_in import ID, Site
from tests.cluster.test_recovery import FOLDER, NAME, SCRIPT, Operator, Store, look, store
from tests.cluster.test_states import row

__all__ = ["store"]


class Place(Site):
    """It tells of the jobs in its table, with the exit statuses in another."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: dict[str, int] = {}

    def run(self, *command: str, stdin: str = "") -> Done:
        if any(part.startswith("--Format=") for part in command):
            rows = (row(job, state, self.statuses.get(job, 0) << 8) for job, (_, _, state) in self.queue.items())
            return Done(0, "".join(rows), "")
        return super().run(*command, stdin=stdin)


@pytest.fixture
def site(store: Store) -> Place:
    made = Place()
    made.write(FOLDER, SCRIPT | {"started": "1 0 n1\n"})
    made.queue["1"] = (NAME, FOLDER, "RUNNING")
    store.step.run_metadata = {jobs.JOB: "1", jobs.FOLDER: FOLDER}
    store.step.status = ExecutionStatus.RUNNING
    return made


def end(site: Place, state: str, status: int = 0) -> None:
    """Slurm ends the latest job."""
    job = max(site.queue, key=int)
    site.queue[job] = (NAME, FOLDER, state)
    site.statuses[job] = status


@pytest.mark.parametrize(
    ("state", "status", "told"),
    [
        ("PREEMPTED", 0, "job 1 of train had to make place for another job, and was not to start again; it is job 2"),
        ("NODE_FAIL", 0, "job 1 of train was lost with its node, and was not to start again; it is job 2"),
        ("BOOT_FAIL", 0, "job 1 of train found no node that starts, and was not to start again; it is job 2"),
        ("FAILED", 75, "job 1 of train saved its state, and Slurm refused to queue it again, and was not to"),
    ],
)
def test_it_is_submitted_again_from_its_folder(
    store: Store, site: Place, state: str, status: int, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    operator = Operator(site)
    assert look(operator, store) is ExecutionStatus.RUNNING
    end(site, state, status)
    with caplog.at_level(logging.WARNING):
        assert look(operator, store) is ExecutionStatus.PROVISIONING
    assert told in caplog.text
    assert site.queue["2"] == (NAME, FOLDER, "PENDING")
    assert store.step.run_metadata == {jobs.JOB: "2", jobs.FOLDER: FOLDER}
    assert look(operator, store) is ExecutionStatus.PROVISIONING
    assert len(site.queue) == 2
    assert "environment" in site.files[FOLDER]


def test_not_for_ever(
    store: Store, site: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Operator, "get_settings", lambda *_: SlurmSettings.model_validate({"max_restarts": 2}))
    operator = Operator(site)
    for number in (2, 3):
        end(site, "PREEMPTED")
        assert look(operator, store) is ExecutionStatus.PROVISIONING
        site.files[FOLDER]["started"] += f"{number} 0 n1\n"
    end(site, "NODE_FAIL")
    assert look(operator, store) is ExecutionStatus.FAILED
    assert len(site.queue) == 3
    assert "job 3 was lost with its node; it was started 3 times and is not started any more (max_re" in caplog.text
    assert "job 3 on n1 was lost with its node, and is not started again" in store.step.exception_info.message


def test_nodes_that_never_boot_are_not_tried_for_ever_either(store: Store, site: Place) -> None:
    site.remove(FOLDER, "started")
    settings = SlurmSettings.model_validate({"max_restarts": 1})
    end(site, "BOOT_FAIL")
    assert again.may_start_again(site, jobs.Job("1", "BOOT_FAIL"), FOLDER, settings)
    look(Operator(site), store)
    assert site.files[FOLDER]["again"] == "1 BOOT_FAIL 2\n"
    assert not again.may_start_again(site, jobs.Job("2", "BOOT_FAIL"), FOLDER, settings)


@pytest.mark.parametrize(
    ("state", "status", "files", "step"),
    [
        ("CANCELLED", 0, {}, "RUNNING"), ("FAILED", 1, {}, "RUNNING"), ("TIMEOUT", 0, {}, "RUNNING"),
        ("OUT_OF_MEMORY", 0, {}, "RUNNING"), ("PREEMPTED", 0, {"cancelled": ""}, "RUNNING"),
        ("FAILED", 75, {"ended": "75\n"}, "RUNNING"), ("NODE_FAIL", 0, {}, "COMPLETED"),
    ],
)  # fmt: skip
def test_what_is_not_submitted_again(
    store: Store, site: Place, state: str, status: int, files: dict[str, str], step: str
) -> None:
    site.write(FOLDER, files)
    store.step.status = ExecutionStatus[step]
    end(site, state, status)
    assert look(Operator(site), store) is ExecutionStatus[step if step == "COMPLETED" else "FAILED"]
    assert len(site.queue) == 1


def test_a_job_that_slurm_itself_starts_again_is_not_doubled(store: Store, site: Place) -> None:
    operator = Operator(site)
    end(site, "PREEMPTED")
    assert operator.poller.look("1") is not None
    site.queue["1"] = (NAME, FOLDER, "PENDING")  # between two looks
    assert look(operator, store) is ExecutionStatus.PROVISIONING
    assert list(site.queue) == ["1"]
    assert store.step.run_metadata[jobs.JOB] == "1"


class Waiting(SlurmOrchestrator):
    """Of a driver's job, for which this process waits."""

    id = UUID(int=3)
    site: Site

    def __init__(self, site: Site) -> None:
        self._config, self.site = SlurmOrchestratorConfig.model_validate({"folder": "/shared"}), site

    @property
    def transport(self) -> Transport:
        return self.site


def test_a_driver_that_is_waited_for_is_submitted_again(site: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    run = SimpleNamespace(
        id=ID, name="run 1", pipeline=SimpleNamespace(name="training"), status=ExecutionStatus.RUNNING
    )
    monkeypatch.setattr(orchestrator, "Client", lambda: SimpleNamespace(get_pipeline_run=lambda _: run))
    monkeypatch.setattr(orchestrator, "poller_for", lambda *_: Poller(site, 0.0))
    published: list[dict[UUID, Any]] = []
    monkeypatch.setattr(
        orchestrator, "publish_pipeline_run_metadata", lambda **given: published.append(given["pipeline_run_metadata"])
    )
    states = ["RUNNING", "PREEMPTED", "RUNNING", "COMPLETED"]

    def sleep(seconds: float) -> None:
        end(site, state := states.pop(0))
        run.status = ExecutionStatus.COMPLETED if state == "COMPLETED" else ExecutionStatus.RUNNING

    monkeypatch.setattr(orchestrator.time, "sleep", sleep)
    Waiting(site)._wait(cast(Any, run), "1", FOLDER, SlurmSettings.model_validate({}))
    assert published == [{UUID(int=3): {jobs.JOB: "2", jobs.FOLDER: FOLDER}}]
    assert [state for *_, state in site.queue.values()] == ["PREEMPTED", "COMPLETED"]
    assert "environment" not in site.files[FOLDER]


class Accounted(Site):
    """The controller has forgotten a job of which the accounting knows."""

    answer: Done | None = Done(0, f"7|{FOLDER}\n12|{FOLDER}\n13|/elsewhere\n", "")

    def run(self, *command: str, stdin: str = "") -> Any:
        if command[0] != "sacct":
            return super().run(*command, stdin=stdin)
        if self.answer is None:
            raise SlurmError("there is no sacct on this machine")
        assert f"--name={NAME}" in command
        return self.answer


def test_a_job_that_waited_and_was_cancelled_while_there_was_no_driver_is_found_in_the_accounting(
    store: Store, site: Place
) -> None:
    forgetful = Accounted()
    assert unrecorded(forgetful, NAME, FOLDER) == "12"
    without = (None, Done(1, "", "Slurm accounting storage is disabled"), Done(127, "", "sh: sacct: not found"))
    for forgetful.answer in without:
        assert unrecorded(forgetful, NAME, FOLDER) is None
    forgetful.answer = Done(1, "", "sacct: error: slurmdbd: Connection refused")
    with pytest.raises(SlurmUnreachable, match="refused"):
        unrecorded(forgetful, NAME, FOLDER)


def test_one_that_the_controller_still_knows_to_be_cancelled_fails(store: Store, site: Place) -> None:
    store.step.run_metadata = {}
    site.remove(FOLDER, "started")
    end(site, "CANCELLED")
    assert look(Operator(cast(Any, site)), store) is ExecutionStatus.FAILED
    assert "was cancelled in Slurm (scancel)" in store.step.exception_info.message
    assert len(site.queue) == 1
