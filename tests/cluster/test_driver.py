"""The driver as a job: its death, and a stop."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import user_environment
from tests.cluster.slurm import Cluster, until
from tests.cluster.test_steps import PROGRAM, Run
from tests.conftest import ROOT
from tests.product.workspace import BIN, Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def driven(site: Workspace) -> Workspace:
    printed = site.call("podium", "stack", "up", "slurm_driver")
    assert "stack slurm_driver: registered" in printed
    return site


@pytest.fixture
def run(driven: Workspace, cluster: Cluster, tmp_path: Path) -> Iterator[Run]:
    variables = user_environment(driven, cluster, ROOT) | {"STACK": "slurm_driver"}
    made = Run(driven, cluster, tmp_path, {"train": {"cpus": 1}}, variables)
    yield made
    made.close()


def job_of(cluster: Cluster, kind: str, states: str = "RUNNING") -> str:
    lines = cluster.call("squeue", "--noheader", f"--states={states}", "--Format=JobID:20,Name:80").splitlines()
    return next(line.split()[0] for line in lines if f".{kind}." in line)


def test_a_lost_driver_starts_again_and_finds_its_jobs(run: Run, cluster: Cluster, driven: Workspace) -> None:
    train = run.begun("train")
    driver = job_of(cluster, "driver")
    cluster.call("scontrol", "requeue", driver)
    cluster.hurry(driver)
    folder = run.folder("driver")
    until(
        lambda: (folder / "output").read_text().count("Restarting the monitoring of existing step") == 1,
        run.printed,
        120,
    )
    assert f"JobId={train} " in cluster.job(train)
    assert "Restarts=0" in cluster.job(train), "the training went on meanwhile"
    cluster.call("scancel", "--batch", "--signal=TERM", train)
    assert run.end()["train"].startswith("resumed, n")
    assert run.process.wait(300) == 0, run.printed()
    assert len(run.folders("train")) == 1, "one job, though two drivers"
    assert not run.credentials()


def test_a_step_that_waits_for_its_place_when_the_driver_is_lost_gets_it_from_the_next(
    driven: Workspace, cluster: Cluster, tmp_path: Path
) -> None:
    text = (ROOT / "infra" / "stacks" / "slurm_driver.yaml").read_text().replace("stack: slurm_driver", "stack: narrow")
    (driven.root / "narrow.yaml").write_text(f"{text}      max_jobs: 1\n")
    driven.call("podium", "stack", "up", "narrow.yaml")
    variables = user_environment(driven, cluster, ROOT) | {"STACK": "narrow"}
    run = Run(driven, cluster, tmp_path, {kind: {"cpus": 1} for kind in ("train", "again")}, variables)

    def folders() -> set[Path]:
        return {found for found in run.folders() if "driver" not in found.name}

    try:
        until(lambda: sum(started(folder) for folder in folders()) == 1, run.printed, 150)
        until(lambda: sum((folder / "job.sh").exists() for folder in folders()) == 2, run.printed)
        [first] = [folder for folder in folders() if started(folder)]
        [second] = folders() - {first}
        driver = job_of(cluster, "driver")
        cluster.call("scontrol", "requeue", driver)
        cluster.hurry(driver)
        output = run.folder("driver") / "output"
        until(lambda: output.read_text().count("Restarting the monitoring of existing step") == 2, run.printed, 120)
        for folder in (first, second):
            until(lambda folder=folder: (driven.state / f"begun.{folder.name.split('.')[0]}").exists(), run.printed, 60)
            assert folder == first or (first / "ended").exists(), "one at a time, also then"
            job = (folder / "started").read_text().split()[0]
            cluster.call("scancel", "--batch", "--signal=TERM", job)
        told = run.end()
        assert all(words.startswith("resumed, n") for words in told.values()), told
        assert run.process.wait(300) == 0, run.printed()
        assert "a driver was lost before the submission of" in output.read_text()
    finally:
        run.close()
    assert len(folders()) == 2
    assert not run.credentials()


def test_a_stopped_run_leaves_no_job(run: Run, cluster: Cluster, driven: Workspace) -> None:
    train, driver = run.begun("train"), job_of(cluster, "driver")
    name = run.folder("driver").parent.name
    variables = user_environment(driven, cluster, ROOT)
    printed = driven.call("zenml", "pipeline", "runs", "stop", name, "--yes", **variables)
    until(
        lambda: "JobState=CANCELLED" in cluster.job(train) and "JobState=CANCELLED" in cluster.job(driver),
        lambda: printed,
    )
    assert run.process.wait(300) != 0
    code = f"from zenml.client import Client; r = Client().get_pipeline_run({name!r}); print(r.status.value)"
    assert driven.call("python", "-c", code, **variables).split()[-1] == "stopped"


def test_static_pipelines_go_on_after_the_loss_of_their_driver_and_tell_what_failed(
    driven: Workspace, cluster: Cluster, tmp_path: Path
) -> None:
    variables = user_environment(driven, cluster, ROOT) | {"STACK": "slurm_driver", "PYTHONPATH": str(ROOT)}
    hold, before = driven.state / "hold", set(driven.state.glob("slurm/*/*"))
    hold.touch()
    logs = {kind: tmp_path / kind for kind in ("good", "bad")}
    runs = {}
    for kind, log in logs.items():
        with log.open("w") as stream:
            runs[kind] = subprocess.Popen(
                [BIN / "python", "-c", PROGRAM, "{}", kind], env=driven.environment(**variables), cwd=ROOT,
                stdout=stream, stderr=stream,
            )  # fmt: skip
        until(lambda log=log: "is job" in log.read_text(), log.read_text, 60)

    def folders(step: str) -> list[Path]:
        return list(set(driven.state.glob(f"slurm/*/{step}.*")) - before)

    def told() -> str:
        return "".join(log.read_text() for log in logs.values()) + cluster.call("squeue")

    try:
        until(lambda: len([1 for step in ("left", "right") for f in folders(step) if started(f)]) == 4, told, 120)
        [driver] = [folder for folder in folders("driver") if (folder.parent.name in logs["good"].read_text())]
        job = (driver / "started").read_text().split()[0]
        cluster.call("scontrol", "requeue", job)
        cluster.hurry(job)
        until(lambda: "runs as a job already" in (driver / "output").read_text(), told, 60)
        hold.unlink()
        assert runs["good"].wait(450) == 0, told()
        assert runs["bad"].wait(450) != 0, told()
    finally:
        hold.unlink(missing_ok=True)
        for run in runs.values():
            run.kill()
            run.wait()
    assert (driven.state / "sum").read_text() == "4"
    assert (len(folders("left")), len(folders("right"))) == (2, 2), "no step was submitted twice"
    assert "failed steps: never" in logs["bad"].read_text()
    assert "the disk is gone" in logs["bad"].read_text()
    assert not [folder for folder in folders("*") if (folder / "environment").exists()]


def started(folder: Path) -> bool:
    return (folder / "started").exists()
