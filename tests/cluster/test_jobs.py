"""Jobs on the real cluster: plain scripts, without ZenML."""

from __future__ import annotations

import itertools
import logging
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from podium.orchestration.slurm import jobs, script
from podium.orchestration.slurm.explain import cause
from podium.orchestration.slurm.poller import Poller
from podium.orchestration.slurm.script import Asked, render
from podium.orchestration.slurm.settings import SlurmSettings
from podium.orchestration.slurm.states import Job, Phase
from podium.orchestration.slurm.transport import SlurmError, Transport
from tests.cluster.login import login_node
from tests.cluster.slurm import Cluster, until

pytestmark = pytest.mark.slow

SAVES = """trap 'trap "" TERM; echo saved >> saved; exit 75' TERM  # Slurm's signal and the script's may both come
touch ready
[ -e saved ] && exit 0
for i in $(seq 600); do sleep 0.1; done"""
"""A training in small: asked to end it saves its state; started again with it, it comes to its end."""

HERE = Transport()
SMALL = Asked(None, 1, "50M")


@dataclass
class Queue:
    """Submits jobs and looks after them."""

    folder: Path
    transport: Transport = HERE
    poller: Poller = field(init=False)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    folders: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.poller = Poller(self.transport, 0.2)

    def wanted(self, program: str, asked: Asked = SMALL, **settings: Any) -> jobs.Submission:
        chosen = SlurmSettings.model_validate(settings)
        number = next(self._numbers)
        folder, name = str(self.folder / f"job {number}"), f"test.step.{number}"
        text = render(
            name=name, comment="ZenML run r, step s, user u", folder=folder, command=["sh", "-c", program], asked=asked,
            settings=chosen,
        )  # fmt: skip
        return jobs.Submission(name, folder, text, {"TOKEN": "s3cret"}, asked, chosen)

    def submit(self, program: str, asked: Asked = SMALL, **settings: Any) -> str:
        wanted = self.wanted(program, asked, **settings)
        job = jobs.submit(self.transport, wanted, patience=30)
        self.folders[job] = Path(wanted.folder)
        self.poller.track(job)
        return job

    def phase(self, job: str) -> Phase:
        found = self.poller.look(job)
        assert found is not None
        return found.phase

    def wait(self, job: str, *phases: Phase, seconds: float = 60) -> Job:
        until(lambda: self.phase(job) in phases, f"{job} is {phases}", seconds, pause=0.1)
        found = self.poller.look(job)
        assert found is not None
        return found

    def end(self, job: str) -> Job:
        return self.wait(job, Phase.SUCCEEDED, Phase.FAILED)

    def wrote(self, job: str, name: str) -> bool:
        file = self.folders[job] / name
        return file.exists() and file.stat().st_size > 0

    def output(self, job: str) -> list[str]:
        return (self.folders[job] / "output").read_text().splitlines()


@pytest.fixture
def queue(cluster: Cluster, tmp_path: Path) -> Queue:
    return Queue(tmp_path / "100% shared")


def test_six_jobs_have_a_gpu_each_and_the_seventh_waits(queue: Queue) -> None:
    program = 'echo "$(uname -n) $CUDA_VISIBLE_DEVICES $TOKEN" > seen; while [ ! -e ../go ]; do sleep 0.05; done'
    submitted = [queue.submit(program, Asked(1, 1, "50M")) for _ in range(7)]
    running = submitted[:6]
    for job in running:
        queue.wait(job, Phase.RUNNING)
    until(lambda: all(queue.wrote(job, "seen") for job in running), "six jobs that run")
    assert queue.phase(submitted[6]) is Phase.WAITING
    seen = {(queue.folders[job] / "seen").read_text().strip() for job in running}
    assert seen == {f"{node} {gpu} s3cret" for node in ("n1", "n2", "n3") for gpu in (0, 1)}
    (queue.folder / "go").touch()
    assert {queue.end(job).state for job in submitted} == {"COMPLETED"}


def test_who_may_read_what(cluster: Cluster, queue: Queue) -> None:
    job = queue.submit("tr '\\0' ' ' < /proc/$PPID/cmdline; sleep 60")
    queue.wait(job, Phase.RUNNING)
    folder = queue.folders[job]
    until((folder / "output").exists, "output")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
    described = cluster.job(job)
    assert "Comment=ZenML_run_r,_step_s,_user_u" in described or "Comment=ZenML run r, step s, user u" in described
    assert "JobName=test.step." in described
    assert str(folder) in described
    assert "s3cret" not in described + (folder / "job.sh").read_text() + (folder / "output").read_text()
    jobs.cancel(queue.transport, [job], [str(folder)])
    assert queue.end(job).state == "CANCELLED"
    assert not (folder / "environment").exists()
    error = cause(queue.end(job), Asked(None, 1, "50M"), SlurmSettings.model_validate({}), queue.output(job))
    assert "was cancelled in Slurm" in error.message


@pytest.mark.parametrize(
    ("asked", "settings", "words"),
    [
        (Asked(None, 1, None), {"partition": "gqu"}, ["no partition 'gqu'", "gpu, urgent"]),
        (Asked(9, 1, None), {}, ["asks for (9 GPUs, 1 CPUs)", "gpu: 4 CPUs, 4000 MB, gpu:h200:2"]),
        (Asked(None, None, "9T"), {}, ["asks for (9T)", "4000 MB"]),
        (Asked(1, None, None), {"gpu_type": "b300"}, ["asks for (1 GPUs)", "h200"]),
        (Asked(None, 1, None), {"constraint": "fast"}, ["constraint 'fast'", "no features"]),
    ],
)
def test_a_refused_job_names_the_value_and_what_there_is(
    queue: Queue, asked: Asked, settings: dict[str, str], words: list[str]
) -> None:
    wanted = queue.wanted("true", asked, **settings)
    with pytest.raises(SlurmError) as raised:
        jobs.submit(queue.transport, wanted)
    for word in words:
        assert word in str(raised.value)
    assert not (Path(wanted.folder) / "environment").exists(), "credentials of a job that never was"


def test_out_of_memory(queue: Queue) -> None:
    job = queue.submit("python3 -c 'import time; x = bytearray(400_000_000); time.sleep(60)'")
    ended = queue.end(job)
    assert ended.phase is Phase.FAILED
    error = cause(ended, Asked(None, 1, "50M"), SlurmSettings.model_validate({}), queue.output(job))
    assert "needed more memory than it had (50M)" in error.message


def test_a_job_outlives_its_node(cluster: Cluster, queue: Queue) -> None:
    job = queue.submit("[ $(wc -l < started) = 2 ] || sleep 60", flags=("--exclude=n3",))
    first = queue.wait(job, Phase.RUNNING).nodes
    until((queue.folders[job] / "started").exists, "a start")
    cluster.lose(first)
    cluster.hurry(job)
    ended = queue.end(job)
    assert (ended.state, ended.restarts) == ("COMPLETED", 1)
    nodes = [line.split()[2] for line in (queue.folders[job] / "started").read_text().splitlines()]
    assert nodes[0] == first
    assert nodes[1] != first


def test_a_preempted_job_saves_its_state_and_goes_on(cluster: Cluster, queue: Queue) -> None:
    on_one = {"flags": ("--nodelist=n1",)}
    job = queue.submit(SAVES, Asked(2, 1, "50M"), partition="gpu", **on_one)
    queue.wait(job, Phase.RUNNING)
    until((queue.folders[job] / "ready").exists, "a trap")
    urgent = queue.submit("sleep 1", Asked(2, 1, "50M"), partition="urgent", **on_one)
    until((queue.folders[job] / "saved").exists, "the saved state")
    assert queue.phase(job) in (Phase.WAITING, Phase.RUNNING), "for the step that waits, its job goes on"
    assert queue.end(urgent).state == "COMPLETED"
    cluster.hurry(job)
    ended = queue.end(job)
    assert (ended.state, ended.restarts) == ("COMPLETED", 1)
    assert not (queue.folders[job] / "environment").exists()


def test_a_time_limit_that_the_step_heeds_and_one_that_it_does_not(cluster: Cluster, queue: Queue) -> None:
    heeding = queue.submit(SAVES, time_limit="10", grace_seconds=60)
    program = "trap '' TERM; touch ready; for i in $(seq 600); do sleep 0.2; done"
    deaf = queue.submit(program, time_limit="10", grace_seconds=10)
    for job in (heeding, deaf):
        until((queue.folders[job] / "ready").exists, "a trap")
    cluster.limit(deaf)
    cluster.limit(heeding, 45)
    until(lambda: queue.phase(heeding) is Phase.WAITING, "the job that is queued again", 70)
    cluster.call("scontrol", "update", f"JobId={heeding}", "TimeLimit=10")
    cluster.hurry(heeding)
    ended = queue.end(heeding)
    assert (ended.state, ended.restarts) == ("COMPLETED", 1)
    killed = queue.end(deaf)
    assert killed.state == "TIMEOUT"
    limit = SlurmSettings.model_validate({"time_limit": "10"})
    assert "reached its time limit (10)" in cause(killed, Asked(None, 1, None), limit, queue.output(deaf)).message


def test_the_controller_restarts(cluster: Cluster, queue: Queue, caplog: pytest.LogCaptureFixture) -> None:
    running = queue.submit("while [ ! -e ../go ]; do sleep 0.05; done")
    queue.wait(running, Phase.RUNNING)
    cluster.stop_controller()
    with caplog.at_level(logging.WARNING):
        time.sleep(0.3)
        assert queue.phase(running) is Phase.RUNNING
    assert "Slurm does not answer" in caplog.text
    late: list[str] = []
    thread = threading.Thread(target=lambda: late.append(queue.submit("true")))
    thread.start()
    time.sleep(0.5)
    cluster.start_controller()
    thread.join(60)
    assert queue.phase(running) is Phase.RUNNING
    (queue.folder / "go").touch()
    assert queue.end(running).state == "COMPLETED"
    assert queue.end(late[0]).state == "COMPLETED"
    assert (
        len(
            cluster.call("squeue", "--noheader", "--states=all", "--name=test.step.1", f"--jobs={late[0]}").splitlines()
        )
        == 1
    )


def test_a_submission_whose_answer_was_lost_is_not_repeated(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    run: Callable[..., Any] = Transport.run
    calls = []

    def losing(self: Transport, *command: str, stdin: str = "") -> Any:
        done = run(self, *command, stdin=stdin)
        if "submit" in command:
            calls.append(done.stdout.strip())
            return type(done)(
                1, "", "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
            )
        return done

    monkeypatch.setattr(Transport, "run", losing)
    job = jobs.submit(queue.transport, queue.wanted("sleep 60"), sleep=lambda seconds: None)
    assert calls == [job]


def test_a_step_of_srun_is_told_to_save_its_state_also_after_a_restart(
    cluster: Cluster, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with Pyxis, which is srun with an image."""
    run = script.launcher
    monkeypatch.setattr(
        script,
        "launcher",
        lambda *given: re.sub(r" --container-image=\S+", "", run(*given)),  # no Pyxis here
    )
    program = (
        "trap 'echo saved >> saved; exit 75' TERM;"
        ' touch ready.$(wc -l < started); [ "$(grep -c . saved 2>/dev/null)" = 2 ] && exit 0;'
        " for i in $(seq 600); do sleep 0.1; done"
    )
    job = queue.submit(program, Asked(None, 2, "50M"), container="none", container_runtime="pyxis")
    for start in (1, 2):
        until((queue.folders[job] / f"ready.{start}").exists, f"start {start}", 30)
        cluster.call("scancel", "--batch", "--signal=TERM", job)
        until(lambda: queue.phase(job) is Phase.WAITING, "the job that is queued again", 30)
        cluster.hurry(job)
    ended = queue.end(job)
    assert (ended.state, ended.restarts) == ("COMPLETED", 2), queue.output(job)
    assert (queue.folders[job] / "saved").read_text() == "saved\n" * 2


def test_no_more_jobs_than_allowed_though_many_threads_submit(queue: Queue) -> None:
    room, seen = jobs.Room(queue.poller, 2), []
    wanted = [queue.wanted("sleep 1") for _ in range(6)]

    def submit(one: jobs.Submission) -> None:
        jobs.submit(queue.transport, one, room=room, sleep=lambda seconds: time.sleep(0.2))
        seen.append(len(queue.poller.active()))

    threads = [threading.Thread(target=submit, args=(one,)) for one in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(seen) == 6
    assert max(seen) <= 2


def test_from_a_laptop_through_ssh(cluster: Cluster, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with login_node(cluster, tmp_path / "sshd", home) as options:
        queue = Queue(tmp_path / "shared", Transport("login", options))
        job = queue.submit('echo "it\'s $TOKEN"')
        assert queue.end(job).state == "COMPLETED"
        assert queue.transport.tails({f"{queue.folders[job]}/output": 5, "/nowhere": 0}) == {
            f"{queue.folders[job]}/output": b"s3cret\n",
            "/nowhere": b"",
        }
        assert queue.transport.read(str(queue.folders[job]), "ended", "nothing") == {"ended": "0\n"}
        with pytest.raises(SlurmError, match="no partition 'x'"):
            jobs.submit(queue.transport, queue.wanted("true", partition="x"))
    with pytest.raises(SlurmError, match="nobody"):
        Transport("nobody", (*options, "-oHostName=127.0.0.1", "-oPort=1")).run("true")
