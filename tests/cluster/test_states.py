"""What Slurm prints, what it means, and how seldom Slurm is asked; with a stand-in for its commands."""

from __future__ import annotations

import logging

import pytest

from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.explain import cause, refusal
from podium.orchestration.slurm.poller import Poller
from podium.orchestration.slurm.script import Asked
from podium.orchestration.slurm.settings import SlurmSettings
from podium.orchestration.slurm.states import Job, Phase, of_sacct, of_squeue, phase_of
from podium.orchestration.slurm.transport import Done, SlurmError

MANUAL = """
BOOT_FAIL CANCELLED COMPLETED CONFIGURING COMPLETING DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PENDING PREEMPTED RUNNING
RESV_DEL_HOLD REQUEUE_FED REQUEUE_HOLD REQUEUED RESIZING REVOKED SIGNALING SPECIAL_EXIT STAGE_OUT STOPPED SUSPENDED
TIMEOUT
"""
"""squeue(1), "JOB STATE CODES"."""


def row(job: str, state: str, status: int = 0, restarts: int = 0, nodes: str = "n1", reason: str = "None") -> str:
    return f"{job:<40}{state:<24}{status:<12}{restarts:<8}{nodes:<60}{reason:<80}\n"


def test_every_state_of_the_manual_has_a_meaning() -> None:
    from podium.orchestration.slurm.states import PHASES

    manual = MANUAL.split()
    assert set(manual) <= PHASES.keys()
    failed = {state for state in manual if phase_of(state) is Phase.FAILED}
    assert failed == {
        "BOOT_FAIL", "CANCELLED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT",
    }  # fmt: skip
    assert [state for state in manual if phase_of(state) is Phase.SUCCEEDED] == ["COMPLETED"]
    assert phase_of("STATE_OF_2031") is Phase.RUNNING


def test_what_squeue_prints() -> None:
    text = (
        row("7", "FAILED", 768, 1, reason="NonZeroExitCode")
        + row("8_3", "PENDING", nodes="")
        + row("9", "CANCELLED", 15)
    )
    assert of_squeue(text) == {
        "7": Job("7", "FAILED", 3, 0, "NonZeroExitCode", "n1", 1),
        "8_3": Job("8_3", "PENDING"),
        "9": Job("9", "CANCELLED", 0, 15, nodes="n1"),
    }
    assert of_squeue("\n") == {}


def test_what_sacct_prints() -> None:
    found = of_sacct("7|CANCELLED by 1000|0:15|n1\n8|COMPLETED|0:0|n2\n9|NODE_FAIL+|1:0|n3\n")
    assert found["7"] == Job("7", "CANCELLED", 0, 15, nodes="n1")
    assert found["8"].phase is Phase.SUCCEEDED
    assert found["9"].state == "NODE_FAIL"


class Controller:
    """Stands in for a transport: answers as told, and counts."""

    def __init__(self) -> None:
        self.queue, self.accounting, self.up = "", Done(1, "", "Slurm accounting storage is disabled"), True
        self.asked: list[str] = []

    def run(self, *command: str) -> Done:
        self.asked.append(command[0])
        if not self.up:
            return Done(1, "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
        return self.accounting if command[0] == "sacct" else Done(0, self.queue, "")


class Watched:
    """A poller with a clock of its own."""

    def __init__(self) -> None:
        self.now, self.controller = 100.0, Controller()
        self.poller = Poller(self.controller, 1.0, clock=lambda: self.now)

    def look(self, job: str = "7") -> str | None:
        self.now += 1.0
        found = self.poller.look(job)
        return found and found.state


def test_one_question_a_second_for_all_jobs_and_all_who_ask() -> None:
    watched = Watched()
    watched.controller.queue = "".join(row(str(job), "RUNNING") for job in range(500))
    for job in range(500):
        watched.poller.track(str(job))
    watched.now += 1.0
    for _ in range(3):
        assert {watched.poller.look(str(job)).state for job in range(500)} == {"RUNNING"}
    assert len(watched.poller.active()) == 500
    assert watched.controller.asked == ["squeue"]
    watched.look()
    assert watched.controller.asked == ["squeue"] * 2


def test_a_job_that_was_submitted_after_the_last_look_is_not_missing() -> None:
    watched = Watched()
    watched.look("1")
    assert watched.poller.look("2").state == "UNKNOWN"
    assert watched.poller.look("2").phase is Phase.RUNNING


def test_a_job_that_slurm_does_not_know() -> None:
    watched = Watched()
    watched.poller.track("7")
    assert [watched.look() for _ in range(3)] == ["UNKNOWN", None, None]
    assert watched.controller.asked.count("sacct") == 1, "a site without accounting is not asked for it again and again"


def test_what_squeue_has_forgotten_the_accounting_knows() -> None:
    watched = Watched()
    watched.controller.queue = row("7", "RUNNING")
    watched.controller.accounting = Done(0, "7|OUT_OF_MEMORY|0:125|n1\n", "")
    assert watched.look() == "UNKNOWN"
    assert watched.look() == "RUNNING"
    watched.controller.queue = ""
    assert [watched.look() for _ in range(3)] == ["RUNNING", "OUT_OF_MEMORY", "OUT_OF_MEMORY"]


def test_the_accounting_is_not_believed_that_a_job_runs_which_the_controller_does_not_know() -> None:
    watched = Watched()
    watched.controller.queue = row("7", "RUNNING")
    watched.controller.accounting = Done(0, "7|RUNNING|0:0|n1\n", "")
    assert [watched.look() for _ in range(2)] == ["UNKNOWN", "RUNNING"]
    watched.controller.queue = ""
    assert [watched.look() for _ in range(3)][-1] is None


def test_a_silent_controller_changes_nothing_and_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    watched.controller.queue = row("7", "RUNNING")
    watched.look()
    watched.look()
    watched.controller.up = False
    with caplog.at_level(logging.INFO):
        assert {watched.look() for _ in range(65)} == {"RUNNING"}
        assert len(caplog.records) == 2
        watched.controller.up, watched.controller.queue = True, row("7", "COMPLETED")
        assert watched.look() == "COMPLETED"
    assert "answers again" in caplog.records[-1].message


def test_a_requeued_job_is_released_once_when_it_has_settled() -> None:
    controller, now = Controller(), [0.0]
    job = Job("99", "PENDING", reason="BeginTime", restarts=1)
    for second in range(20):
        now[0] = float(second)
        jobs.release(controller, job, clock=lambda: now[0])
        assert controller.asked == (["scontrol"] if second >= jobs.SETTLED else [])
    jobs.release(controller, Job("98", "PENDING", reason="BeginTime"), clock=lambda: 1e9)
    jobs.release(controller, Job("97", "PENDING", reason="Resources", restarts=1), clock=lambda: 1e9)
    assert controller.asked == ["scontrol"], "a job that was told to begin later, or waits for its turn, is left alone"


ASKED = Asked(1, 2, "50M")


@pytest.mark.parametrize(
    ("job", "output", "message"),
    [
        (Job("7", "OUT_OF_MEMORY", nodes="n1"), (), "job 7 on n1 needed more memory than it had (50M)"),
        (
            Job("7", "FAILED", 0, 9, nodes="n1"),
            ("slurmstepd-n1: error: StepId=7.batch exceeded memory limit (9 > 5), being killed",),
            "job 7 on n1 needed more memory than it had (50M)",
        ),
        (Job("7", "TIMEOUT", nodes="n1"), (), "job 7 on n1 reached its time limit (1:00)"),
        (Job("7", "CANCELLED"), (), "job 7 was cancelled in Slurm (scancel)"),
        (Job("7", "NODE_FAIL", nodes="n1"), (), "lost with its node"),
        (Job("7", "FAILED", 3), ("Traceback …", "KeyError: 'x'", ""), "job 7 ended with status 3: KeyError: 'x'"),
        (
            Job("7", "FAILED", 1),
            ("│ ❱ 9 x │", "TokenExpired: log in", "again"),
            "with status 1: TokenExpired: log in again",
        ),
        (Job("7", "FAILED", 0, 11), (), "job 7 was ended by signal 11, without a word"),
        (Job("7", "COMPLETED"), (), "job 7 ended with status 0, without a word"),
    ],
)
def test_causes(job: Job, output: tuple[str, ...], message: str) -> None:
    settings = SlurmSettings.model_validate({"time_limit": "1:00"})
    assert message in cause(job, ASKED, settings, output).message


def test_a_refusal_that_nobody_foresaw_is_told_in_slurms_words() -> None:
    text = "sbatch: error: Batch job submission failed: Burst buffer request invalid\n"
    error = refusal(text, ASKED, SlurmSettings.model_validate({}), Controller())
    assert isinstance(error, SlurmError)
    assert "Burst buffer request invalid" in error.message
