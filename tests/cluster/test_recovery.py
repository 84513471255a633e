"""A driver that starts again meets steps of which nobody recorded a job; Slurm and ZenML are stand-ins."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from zenml.config import ResourceSettings
from zenml.enums import ExecutionMode, ExecutionStatus
from zenml.models import StepRunResponse

from podium.orchestration.slurm import again, jobs, static, step_operator
from podium.orchestration.slurm.follow import Follower
from podium.orchestration.slurm.poller import Poller
from podium.orchestration.slurm.settings import SlurmSettings, SlurmStepOperatorConfig
from podium.orchestration.slurm.static import StaticDriver
from podium.orchestration.slurm.step_operator import SlurmStepOperator
from podium.orchestration.slurm.transport import SlurmUnreachable, Transport
from tests.cluster.stand_in import ID, Site

NAME, FOLDER = "training.train.12345678", f"/shared/run 1/train.{ID}"
SCRIPT = {"job.sh": f"#SBATCH --job-name={NAME}\n", "environment": "TOKEN=t\n"}


class Place(Site):
    """A site that a poller may ask, too: its ``squeue --Format`` is left out, so that nothing is known of a job."""

    def run(self, *command: str, stdin: str = "") -> Any:
        if any(part.startswith("--Format=") for part in command):
            return super().run("true")
        return super().run(*command, stdin=stdin)


class Store:
    """ZenML's client and store: one run with one step."""

    def __init__(self) -> None:
        self.step = SimpleNamespace(
            id=ID, name="train", pipeline_run_id=UUID(int=1), run_metadata={}, status=ExecutionStatus.PROVISIONING,
            config=SimpleNamespace(resource_settings=ResourceSettings()), exception_info=None,
        )  # fmt: skip
        self.zen_store = self

    def __call__(self) -> Store:
        return self

    def get_run_step(self, step: UUID) -> Any:
        return self.step

    def get_pipeline_run(self, run: UUID) -> Any:
        return SimpleNamespace(name="run 1", pipeline=SimpleNamespace(name="training"))

    def update_run_step(self, step: UUID, update: Any) -> None:
        self.step.status, self.step.exception_info = update.status, update.exception_info


class Operator(SlurmStepOperator):
    """A new driver's."""

    id = UUID(int=2)
    site: Place
    watched: Poller

    def __init__(self, site: Place, max_jobs: int | None = None) -> None:
        self._config = SlurmStepOperatorConfig.model_validate({"folder": "/shared", "max_jobs": max_jobs})
        self.site, self.watched = site, Poller(site, 0.0)

    @property
    def transport(self) -> Transport:
        return self.site

    @property
    def poller(self) -> Poller:
        return self.watched

    @property
    def follower(self) -> Follower:
        return Follower(self.site, 0.0)

    def get_settings(self, container: Any) -> SlurmSettings:
        return SlurmSettings.model_validate({})


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr(step_operator, "Client", made)
    monkeypatch.setattr(step_operator, "publish_step_run_metadata", lambda **_: None)
    monkeypatch.setattr(again, "_turns", {})
    monkeypatch.setattr(again, "GATHER", 0.0)
    return made


def look(operator: Operator, store: Store) -> ExecutionStatus:
    return operator.get_status(cast(StepRunResponse, store.step))


def test_a_step_that_waited_for_its_place_is_submitted_by_the_next_driver(store: Store) -> None:
    site = Place()
    site.write(FOLDER, SCRIPT)
    operator = Operator(site, max_jobs=1)
    operator.poller.track("99")  # as long as another job takes the place
    assert look(operator, store) is ExecutionStatus.PROVISIONING
    assert not site.queue
    operator.poller.forget("99")
    again._turns.clear()  # the next try is due
    assert look(operator, store) is ExecutionStatus.PROVISIONING
    assert list(site.queue.values()) == [(NAME, FOLDER, "PENDING")]
    assert store.step.run_metadata == {jobs.JOB: "1", jobs.FOLDER: FOLDER}
    look(operator, store)
    assert len(site.queue) == 1


def test_a_job_that_was_submitted_but_not_recorded_is_found_though_it_has_ended(store: Store) -> None:
    site = Place()
    site.write(FOLDER, SCRIPT)
    site.queue["7"] = (NAME, FOLDER, "COMPLETED")
    operator = Operator(site)
    assert operator._find(cast(StepRunResponse, store.step)) == ("7", FOLDER)
    site.queue.clear()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"started": "7 0 n1\n", "ended": "3\n"}, "job 7 ended with status 3"),
        ({"started": "7 0 n1\n"}, "job 7 was lost with its node"),
    ],
)
def test_a_job_that_slurm_has_forgotten_meanwhile_is_known_by_its_folder(
    store: Store, files: dict[str, str], told: str
) -> None:
    site = Place()
    site.write(FOLDER, SCRIPT | files)
    operator = Operator(site)
    seen = [look(operator, store) for _ in range(3)]
    assert seen[-1] is ExecutionStatus.FAILED
    assert told in store.step.exception_info.message
    assert not site.queue


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "the driver was lost before it submitted the step"),
        ({"environment": "TOKEN=t\n"}, "the driver was lost before it submitted the step"),
        (SCRIPT | {"cancelled": ""}, "was cancelled before its job began"),
    ],
)
def test_a_step_that_cannot_be_submitted_any_more_fails(store: Store, files: dict[str, str], told: str) -> None:
    site = Place()
    site.write(FOLDER, files)
    operator = Operator(site)
    assert look(operator, store) is ExecutionStatus.FAILED
    assert told in store.step.exception_info.message
    operator.cleanup_step_submission(cast(StepRunResponse, store.step))
    assert "environment" not in site.files[FOLDER], "no credentials are left behind"


def test_a_step_that_slurm_refuses_now_fails(store: Store) -> None:
    site = Place()
    site.write(FOLDER, SCRIPT)
    site.refuses = "Invalid qos specification"
    assert look(Operator(site), store) is ExecutionStatus.FAILED
    assert "quality of service" in store.step.exception_info.message


def test_nothing_is_submitted_while_slurm_cannot_tell_what_there_is(store: Store) -> None:
    site = Place()
    site.write(FOLDER, SCRIPT)
    site.silent = True
    operator = Operator(site)
    with pytest.raises(SlurmUnreachable):
        look(operator, store)
    assert not site.queue
    assert store.step.status is ExecutionStatus.PROVISIONING


def test_a_run_that_is_given_up_cancels_jobs_of_an_earlier_driver(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Place()
    monkeypatch.setattr(step_operator, "_live", {})
    site.write(FOLDER, SCRIPT)
    site.queue["7"] = (NAME, FOLDER, "RUNNING")
    store.step.run_metadata = {jobs.JOB: "7", jobs.FOLDER: FOLDER}
    assert look(Operator(site), store) is ExecutionStatus.RUNNING
    step_operator.cancel_all()
    assert site.queue["7"] == (NAME, FOLDER, "CANCELLED")


def test_a_static_driver_waits_while_slurm_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = object.__new__(StaticDriver)
    answers: list[Any] = [SlurmUnreachable("squeue: no answer"), ExecutionStatus.RUNNING, ExecutionStatus.COMPLETED]

    def get_status(step_run: Any) -> ExecutionStatus:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return cast(ExecutionStatus, answer)

    operator = SimpleNamespace(get_status=get_status, cleanup_step_submission=lambda step_run: None)
    monkeypatch.setattr(StaticDriver, "_operator", lambda self, name: operator)
    driver._running, driver._ended = {"train": cast(Any, object())}, {}
    driver._steps = cast(Any, {"train": SimpleNamespace(config=SimpleNamespace(retry=None))})
    for _ in range(3):
        driver._look("train")
    assert driver._ended == {"train": True}


def test_a_static_driver_that_breaks_leaves_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled: list[bool] = []
    monkeypatch.setattr(step_operator, "cancel_all", lambda: cancelled.append(True))
    monkeypatch.setattr(StaticDriver, "_take_up", lambda self: None)
    monkeypatch.setattr(StaticDriver, "_look", lambda self, name: 1 / 0)
    monkeypatch.setattr(static, "LOOK", 0.0)
    monkeypatch.setattr(static, "setup_execution_context", lambda **_: __import__("contextlib").nullcontext())
    driver = object.__new__(StaticDriver)
    driver._running, driver._ended, driver._steps = {"train": cast(Any, object())}, {}, {}
    driver._run, driver._mode = cast(Any, None), ExecutionMode.CONTINUE_ON_FAILURE
    with pytest.raises(ZeroDivisionError):
        driver.drive()
    assert cancelled == [True]
