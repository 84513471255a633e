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
        self, site: Workspace, cluster: Cluster, folder: Path, branches: dict[str, dict[str, Any]], more: dict[str, str]
    ) -> None:
        variables = {**more, "PYTHONPATH": str(ROOT), "ZENML_CUSTOM_SOURCE_ROOT": str(ROOT)}
        self.cluster, self.state, self.told = cluster, site.state, folder / "told.json"
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [BIN / "python", "-c", PROGRAM, json.dumps(branches), str(self.told)],
            env=site.environment(**variables), cwd=ROOT, stdout=self.log, stderr=self.log,
        )  # fmt: skip

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


@pytest.fixture
def start(site: Workspace, cluster: Cluster, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore

    def begin(branches: dict[str, Any], stack: str = "slurm") -> Run:
        runs.append(Run(site, cluster, tmp_path, branches, user_environment(site, cluster, ROOT) | {"STACK": stack}))
        return runs[-1]

    yield begin
    for run in runs:
        run.process.kill()
        run.process.wait()
        run.log.close()
    signal.signal(signal.SIGINT, before)
    for mark in site.state.glob("begun.*"):
        mark.unlink()


def test_faults_stay_in_their_branch_and_name_their_cause(
    start: Callable[..., Run], cluster: Cluster, site: Workspace
) -> None:
    before = set(site.state.glob("slurm/*/train.*"))  # of other tests on this cluster
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
    assert not list(site.state.glob("slurm/*/*/environment")), "no credentials are left behind"
    [folder] = set(site.state.glob("slurm/*/train.*")) - before
    assert len((folder / "started").read_text().splitlines()) == 2


def test_a_run_that_is_given_up_cancels_its_jobs(start: Callable[..., Run], cluster: Cluster) -> None:
    run = start({"sleep": {"cpus": 1}})
    job = run.begun("sleep")
    run.process.send_signal(signal.SIGINT)
    until(lambda: "JobState=CANCELLED" in cluster.job(job), run.printed, 30)
    assert run.process.wait(60) != 0


def test_a_job_that_a_killed_controller_has_forgotten_is_submitted_again(
    start: Callable[..., Run], cluster: Cluster, site: Workspace
) -> None:
    before = set(site.state.glob("slurm/*/seen.*"))
    cluster.save()
    run = start({"seen": {"cpus": 1, "memory": "1500M", "flags": ["--hold"]}})
    until(lambda: "seen is job " in run.printed(), run.printed, 90)
    cluster.forget()
    until(lambda: "has lost job" in run.printed(), run.printed, 60)
    until(lambda: ".seen." in cluster.call("squeue", "--noheader", "--format=%j"), run.printed)
    cluster.call("scontrol", "release", cluster.call("squeue", "--noheader", "--format=%i").split()[0])
    assert run.end()["seen"].startswith("n")
    [folder] = set(site.state.glob("slurm/*/seen.*")) - before
    assert len((folder / "started").read_text().splitlines()) == 1


def test_a_full_artifact_store(start: Callable[..., Run], cluster: Cluster, site: Workspace) -> None:
    text = (ROOT / "infra" / "stacks" / "slurm.yaml").read_text()
    text = text.replace("stack: slurm", "stack: small").replace("{state}/artifacts", str(cluster.small / "store"))
    (site.root / "small.yaml").write_text(text)
    site.call("podium", "stack", "up", "small.yaml")
    told = start({"fill": {"cpus": 1, "memory": "1500M"}}, "small").end()
    assert told["fill"].startswith("failed: ")
    assert "No space left on device" in told["fill"]
