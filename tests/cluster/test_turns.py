"""How jobs get into the queue one after the other, and what keeps them out; Slurm is a stand-in."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.explain import Kept, kept_by
from podium.orchestration.slurm.poller import Poller
from podium.orchestration.slurm.script import Asked
from podium.orchestration.slurm.settings import SlurmSettings
from podium.orchestration.slurm.transport import Done, SlurmError, SlurmUnreachable
from tests.cluster.stand_in import Site
from tests.cluster.test_states import row

POLICY = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
BUSY = "Unable to contact slurm controller (connect failure)"


def wanted(number: int = 1) -> jobs.Submission:
    script = f"#SBATCH --job-name=step.{number}\n"
    settings = SlurmSettings.model_validate({})
    return jobs.Submission(f"step.{number}", f"/shared/{number}", script, {}, Asked(None, None, None), settings)


class Ending(Site):
    """Jobs that end when they are told to; how many of them there were at a time is counted."""

    most = 0

    def run(self, *command: str, stdin: str = "") -> Done:
        if any(part.startswith("--Format=") for part in command):
            return Done(0, "".join(row(job, state) for job, (_, _, state) in self.queue.items()), "")
        done = super().run(*command, stdin=stdin)
        if "submit" in command:
            time.sleep(0.01)  # in which others would come between
        self.most = max(self.most, len(self.pending()))
        return done


def test_no_more_jobs_than_allowed_though_many_threads_submit() -> None:
    site = Ending()
    poller = Poller(site, 0.0)
    room = jobs.Room(poller, 2)

    def end_one(seconds: float) -> None:
        time.sleep(0.005)
        for job, (name, folder, state) in list(site.queue.items()):
            if state == "PENDING":
                site.queue[job] = (name, folder, "COMPLETED")
                return

    threads = [
        threading.Thread(target=jobs.submit, args=(site, wanted(number)), kwargs={"room": room, "sleep": end_one})
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(site.queue) == 12
    assert site.most <= 2


def test_who_waits_for_a_limit_of_his_own_keeps_nobody_else() -> None:
    site = Site()
    site.refuses = f"AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: {POLICY}"
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        site.refuses = None
        other = threading.Thread(target=jobs.submit, args=(site, wanted(2)))
        other.start()
        other.join(10)
        assert len(site.queue) == 1, "the other one is in the queue"

    assert jobs.submit(site, wanted(), sleep=sleep) == "2"
    assert slept == [1.0]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: {POLICY}", Kept.FULL),
        (f"sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: {POLICY}", Kept.FULL),
        (f"sbatch: error: AssocGrpSubmitJobsLimit\nsbatch: error: {POLICY}", Kept.FULL),
        (f"sbatch: error: QOSMaxWallDurationPerJobLimit\nsbatch: error: {POLICY}", None),
        (f"sbatch: error: Batch job submission failed: {POLICY}", Kept.VAGUE),
        (f"sbatch: error: {BUSY}", Kept.SILENT),
        ("sbatch: error: Batch job submission failed: Invalid qos specification", None),
    ],
)
def test_what_a_refusal_means(said: str, kept: Kept | None) -> None:
    assert kept_by(said) is kept


class Clock:
    """Time that passes by sleeping."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait_for(turn: jobs.Turn, clock: Clock) -> None:
    while turn.take() is None:
        clock.sleep(turn.pause)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (POLICY, SlurmError, "limit of this cluster's accounting forbids the job: Job violates"),
        (BUSY, SlurmUnreachable, "took no job for 600 s"),
    ],
)
def test_a_limit_that_slurm_does_not_name_is_waited_for_and_then_told(
    said: str, error: type[SlurmError], words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site, clock = Site(), Clock()
    site.refuses = said
    monkeypatch.setattr(jobs.time, "monotonic", clock)
    turn = jobs.Turn(site, wanted(), clock=clock)
    site.write("/shared/1", {"job.sh": wanted().script})
    with caplog.at_level(logging.WARNING), pytest.raises(error, match=words):
        wait_for(turn, clock)
    assert 600 <= clock.now <= 640
    assert [said in record.message for record in caplog.records] == [True], "one warning, with Slurm's words"


def test_a_limit_that_no_waiting_helps_against_is_named_at_once() -> None:
    site = Site()
    site.refuses = f"x\nsbatch: error: QOSMaxWallDurationPerJobLimit\nsbatch: error: {POLICY}"
    with pytest.raises(SlurmError, match="forbids the job: QOSMaxWallDurationPerJobLimit"):
        jobs.submit(site, wanted())


def test_a_submission_whose_answer_was_lost_is_not_repeated_while_slurm_cannot_tell() -> None:
    site = Site()
    site.write("/shared/1", {"job.sh": wanted().script})
    site.refuses = BUSY
    turn = jobs.Turn(site, wanted())
    assert turn.take() is None
    site.refuses, site.silent = None, True
    assert turn.take() is None
    assert not site.queue
    site.silent = False
    assert turn.take() == "1"
