"""The main job on the stack ``slurm``, as docs/slurm.md tells it: nothing but the stack is another."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from podium.results import TrainingSummary
from tests.cluster.conftest import user_environment
from tests.cluster.slurm import Cluster, until
from tests.cluster.transcript import PAGE, PARTS, Transcript, shape
from tests.product.workspace import BIN, Workspace

pytestmark = pytest.mark.slow

CONFIG = """parameters:
  config:
    name: tiny
    trainer: {epochs: 2, augment: {flip: false, rotation: 5}}
    candidates:
      - simple_cnn
      - {recipe: cnn_3block, trainer: {epochs: 6}}
    threads: 1
    registry: {model: tiny, onnx: false}
steps:
  train:
    settings:
      resources: {gpu_count: 2, cpu_count: 1, memory: 2GB}
"""
"""Two GPUs a candidate: each has a node to itself, and another is left for who loses theirs."""


def test_the_main_job_survives_the_loss_of_a_node_and_the_page_tells_it(
    site: Workspace, cluster: Cluster, tmp_path: Path
) -> None:
    page = Transcript(site.root)
    (site.root / "configs" / "slurm.yaml").write_text(page.add("config", CONFIG))
    page.add("login", (site.root / "login").read_text())
    page.add("up", (site.root / "stack.up").read_text())
    page.add("doctor", call(site, cluster, "doctor"))
    log = tmp_path / "log"
    [_, line] = PARTS["run"].command.splitlines()
    command = shlex.split(line)
    with log.open("w") as stream:
        run = subprocess.Popen(
            [BIN / command[0], *command[1:]], env=site.environment(**user_environment(site, cluster, site.root)),
            cwd=site.root, stdout=stream, stderr=stream,
        )  # fmt: skip
    try:
        until(lambda: run.poll() is not None or "cnn_3block: train epoch 2" in log.read_text(), log.read_text, 240, 0.2)
        page.add("queue", call(site, cluster, "queue"))
        jobs = {line.split()[1].split(".")[1]: line.split() for line in queue(cluster) if "training.train_" in line}
        running, first = jobs["train_cnn_3block"], (jobs["train_cnn_3block"][0], jobs["train_cnn_3block"][2])
        assert running[3] == "RUNNING"
        nodes = {name: started(site, name)[0] for name in jobs}
        assert len(set(nodes.values())) == 2, "a node each"
        cluster.lose(first[1])
        until(lambda: len(started(site, "train_cnn_3block")) == 2, log.read_text, 60, 0.2)
        page.add("lost", call(site, cluster, "lost"))
        assert run.wait(900) == 0, log.read_text()
    finally:
        run.kill()
        run.wait()
    assert [len(set(started(site, "train_cnn_3block"))), started(site, "train_cnn_3block")[0]] == [2, first[1]]
    summaries = [TrainingSummary.model_validate_json(path.read_text()) for path in site.state.rglob("training.json")]
    resumed = [summary.resumed_from for summary in summaries if summary.resumed_from is not None]
    assert resumed, "the training began anew"
    assert min(resumed) >= 2, "no more than the last epoch is lost"
    printed = page.add("run", log.read_text())
    assert "awaiting a decision" in printed
    assert "Traceback" not in printed
    assert "cnn_3block" in page.add("leaderboard", call(site, cluster, "leaderboard"))
    assert "awaiting review" in page.add("list", call(site, cluster, "list"))
    assert "champion of tiny: version 1" in page.add("approve", call(site, cluster, "approve"))
    assert "champion: version 1" in page.add("promoted", call(site, cluster, "promoted"))
    if os.environ.get("PODIUM_REWRITE"):
        PAGE.write_text(page.page())
    assert shape(PAGE.read_text()) == shape(page.page()), "docs/slurm.md tells something else: see `make transcript`"


def call(site: Workspace, cluster: Cluster, part: str) -> str:
    """Run the command of a part of the page; it has to succeed."""
    command = shlex.split(PARTS[part].command)
    program = BIN / command[0] if (BIN / command[0]).exists() else Path(command[0])
    done = subprocess.run(
        [program, *command[1:]], cwd=site.root, env=site.environment(**cluster.environment()), capture_output=True,
        text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def queue(cluster: Cluster) -> list[str]:
    return cluster.call(
        "squeue", "--noheader", "--states=all", "--Format=JobID:20,Name:80,NodeList:20,State:20"
    ).splitlines()


def started(site: Workspace, step: str) -> list[str]:
    """The nodes on which a step's job was started, in order."""
    folder = max(site.state.glob(f"slurm/training-*/{step}.*"))
    return [line.split()[2] for line in (folder / "started").read_text().splitlines()]
