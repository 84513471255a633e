"""ZenML steps as jobs of the real cluster: what each fault of a job becomes in the run."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import user_environment
from tests.cluster.slurm import Cluster, until
from tests.conftest import ROOT
from tests.product.workspace import BIN, Workspace

pytestmark = pytest.mark.slow


PROGRAM = "import sys; from tests.cluster.tiny import main; main(*sys.argv[1:])"


class Run:
    """A run of the tiny pipeline in a process of its own."""

    def __init__(
        self,
        site: Workspace,
        cluster: Cluster,
        folder: Path,
        branches: dict[str, dict[str, Any]],
        more: dict[str, str],
        told: Path | None = None,
    ) -> None:
        variables = {**more, "PYTHONPATH": str(ROOT), "ZENML_CUSTOM_SOURCE_ROOT": str(ROOT)}
        self.cluster, self.state, self.told = cluster, site.state, told or folder / "told.json"
        self.before = set(site.state.glob("slurm/*/*"))  # of other tests on this cluster
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [BIN / "python", "-c", PROGRAM, json.dumps(branches), str(self.told)],
            env=site.environment(**variables), cwd=ROOT, stdout=self.log, stderr=self.log,
        )  # fmt: skip

    def folders(self, kind: str = "*") -> set[Path]:
        """Of this run's jobs."""
        return set(self.state.glob(f"slurm/*/{kind}.*")) - self.before

    def folder(self, kind: str) -> Path:
        """Of a branch's job."""
        [found] = self.folders(kind)
        return found

    def credentials(self) -> list[Path]:
        """The files with credentials that are left, of this run's jobs."""
        return [file for folder in self.folders() if (file := folder / "environment").exists()]

    def starts(self, kind: str) -> list[str]:
        """The nodes on which a branch's job was started, in order."""
        file = self.folder(kind) / "started"
        return [line.split()[2] for line in file.read_text().splitlines()] if file.exists() else []

    def begun(self, kind: str) -> str:
        """Wait until a branch's step runs; return its job's id."""
        mark = self.state / f"begun.{kind}"
        until(lambda: mark.exists() or self.process.poll() is not None, self.printed, 150, pause=0.2)
        assert mark.exists(), self.printed()
        lines = self.cluster.call("squeue", "--noheader", "--states=RUNNING", "--Format=JobID:20,Name:80").splitlines()
        return next(line.split()[0] for line in lines if f".{kind}." in line)

    def printed(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def end(self) -> dict[str, str]:
        """What became of the branches."""
        status = self.process.wait(240)
        assert self.told.exists(), f"{status}: {self.printed()}"
        told: dict[str, str] = json.loads(self.told.read_text())
        return told

    def close(self) -> None:
        """Leave no process, and no mark for the next run."""
        self.process.kill()
        self.process.wait()
        self.log.close()
        for mark in self.state.glob("begun.*"):
            mark.unlink()


@pytest.fixture
def start(site: Workspace, cluster: Cluster, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore

    def begin(branches: dict[str, Any], stack: str = "slurm") -> Run:
        runs.append(Run(site, cluster, tmp_path, branches, user_environment(site, cluster, ROOT) | {"STACK": stack}))
        return runs[-1]

    yield begin
    for run in runs:
        run.close()
    signal.signal(signal.SIGINT, before)


def test_faults_stay_in_their_branch_and_name_their_cause(start: Callable[..., Run], cluster: Cluster) -> None:
    small = {"cpus": 1, "memory": "1500M"}
    kinds = ("fail", "vanish", "eat", "sleep", "train")
    run = start(dict.fromkeys(kinds, small) | {"nowhere": {"partition": "nope"}})
    cluster.call("scancel", run.begun("sleep"))
    cluster.call("scancel", "--batch", "--signal=TERM", run.begun("train"))
    told = run.end()
    assert told["fail"] == "failed: the loss is not finite"
    assert "ended with status 134: CUDA error" in told["vanish"]
    assert "needed more memory than it had (1500M)" in told["eat"]
    assert "was cancelled in Slurm (scancel)" in told["sleep"]
    assert told["train"].startswith("resumed, n")
    assert told["nowhere"].startswith("failed: there is no partition 'nope' on this cluster")
    printed = run.printed()
    assert "set the step operator's partition to one of: gpu, urgent" in printed
    assert "vanish | CUDA error: an illegal memory access" in printed, "what jobs print is passed on"
    assert not run.credentials(), "no credentials are left behind"
    assert len(run.starts("train")) == 2


def test_what_slurm_interrupts_goes_on(start: Callable[..., Run], cluster: Cluster) -> None:
    """Preemption, a node's power loss, time limits that are heeded and not, and a controller that is away meanwhile."""
    urgent = ("--partition=urgent", "--nodelist=n2", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
    limits = {"cpus": 2, "memory": "1500M", "time_limit": "10", "grace_seconds": 60, "flags": ["--nodelist=n1"]}
    cluster.stop_controller()
    run = start(
        {
            "limited": limits,
            "overdue": limits,
            "preempted": {"cpus": 4, "flags": ["--nodelist=n2"]},
            "lost": {"cpus": 1, "flags": ["--exclude=n1,n2"]},
        }
    )
    until(lambda: "waits to be submitted" in run.printed(), run.printed, 90)
    cluster.start_controller()
    jobs = {kind: run.begun(kind) for kind in ("limited", "overdue", "preempted", "lost")}
    cluster.limit(jobs["overdue"])
    cluster.limit(jobs["limited"], 45)
    until(lambda: "JobState=PENDING" in cluster.job(jobs["limited"]), run.printed, 60)
    cluster.call("scontrol", "update", f"JobId={jobs['limited']}", "TimeLimit=10")

    cluster.call("sbatch", *urgent)
    until(lambda: len(run.starts("preempted")) == 2, run.printed, 60)
    (run.state / "begun.lost").unlink()
    cluster.lose("n3")
    cluster.call("scontrol", "update", f"JobId={jobs['lost']}", "ExcNodeList=n1")
    assert run.begun("lost") == jobs["lost"], "the same job, on another node"
    assert run.starts("lost") == ["n3", "n2"]
    cluster.stop_controller()
    cluster.start_controller()
    until(lambda: cluster.works("scancel", "--batch", "--signal=TERM", jobs["lost"]), run.printed)
    told = run.end()
    assert told["limited"].startswith("resumed, n1")
    assert told["preempted"].startswith("resumed, n2")
    assert "reached its time limit (10)" in told["overdue"]
    assert told["lost"].startswith("resumed, n2")
    assert not run.credentials()


def test_a_run_that_is_given_up_cancels_its_jobs(start: Callable[..., Run], cluster: Cluster) -> None:
    run = start({"sleep": {"cpus": 1}})
    job = run.begun("sleep")
    run.process.send_signal(signal.SIGINT)
    until(lambda: "JobState=CANCELLED" in cluster.job(job), run.printed, 30)
    assert run.process.wait(300) != 0


def test_a_job_that_a_killed_controller_has_forgotten_is_submitted_again(
    start: Callable[..., Run], cluster: Cluster
) -> None:
    cluster.save()
    run = start({"seen": {"cpus": 1, "memory": "1500M", "flags": ["--hold"]}})
    until(lambda: "seen is job " in run.printed(), run.printed, 90)
    cluster.forget()
    until(lambda: "has lost job" in run.printed(), run.printed, 60)
    until(lambda: ".seen." in cluster.call("squeue", "--noheader", "--format=%j"), run.printed)
    cluster.call("scontrol", "release", cluster.call("squeue", "--noheader", "--format=%i").split()[0])
    assert run.end()["seen"].startswith("n")
    assert len(run.starts("seen")) == 1


def test_a_full_artifact_store(start: Callable[..., Run], cluster: Cluster, site: Workspace) -> None:
    text = (ROOT / "infra" / "stacks" / "slurm.yaml").read_text()
    text = text.replace("stack: slurm", "stack: small").replace("{state}/artifacts", str(cluster.small / "store"))
    (site.root / "small.yaml").write_text(text)
    site.call("podium", "stack", "up", "small.yaml")
    told = start({"fill": {"cpus": 1, "memory": "1500M"}}, "small").end()
    assert told["fill"].startswith("failed: ")
    assert "No space left on device" in told["fill"]
