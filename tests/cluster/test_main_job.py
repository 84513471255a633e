"""The main job on the stack ``slurm``: nothing but the stack is another."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from podium.results import TrainingSummary
from tests.cluster.conftest import user_environment
from tests.cluster.slurm import Cluster, until
from tests.product.workspace import BIN, Workspace

pytestmark = pytest.mark.slow

CONFIG = """
parameters:
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


def test_candidates_train_on_nodes_of_their_own_and_survive_the_loss_of_one(
    site: Workspace, cluster: Cluster, tmp_path: Path
) -> None:
    (site.root / "configs" / "slurm.yaml").write_text(CONFIG)
    log = tmp_path / "log"
    command = [
        "zenml",
        "pipeline",
        "run",
        "pipelines.training.training_pipeline",
        "-c",
        "configs/slurm.yaml",
        "-s",
        "slurm",
    ]
    with log.open("w") as stream:
        run = subprocess.Popen(
            [BIN / command[0], *command[1:]], env=site.environment(**user_environment(site, cluster, site.root)),
            cwd=site.root, stdout=stream, stderr=stream,
        )  # fmt: skip
    try:
        until(lambda: run.poll() is not None or "cnn_3block: train epoch 2" in log.read_text(), log.read_text, 240, 0.2)
        jobs = {line.split()[1].split(".")[1]: line.split() for line in queue(cluster)}
        running, first = jobs["train_cnn_3block"], (jobs["train_cnn_3block"][0], jobs["train_cnn_3block"][2])
        assert running[3] == "RUNNING"
        nodes = {name: started(site, name)[0] for name in jobs}
        assert len(set(nodes.values())) == 2, "a node each"
        cluster.lose(first[1])
        assert run.wait(300) == 0, log.read_text()
    finally:
        run.kill()
        run.wait()
    assert [len(set(started(site, "train_cnn_3block"))), started(site, "train_cnn_3block")[0]] == [2, first[1]]
    summaries = [TrainingSummary.model_validate_json(path.read_text()) for path in site.state.rglob("training.json")]
    resumed = [summary.resumed_from for summary in summaries if summary.resumed_from is not None]
    assert resumed, "the training began anew"
    assert min(resumed) >= 2, "no more than the last epoch is lost"
    printed = log.read_text()
    assert "awaiting a decision" in printed
    assert "Traceback" not in printed


def queue(cluster: Cluster) -> list[str]:
    return cluster.call(
        "squeue", "--noheader", "--states=all", "--Format=JobID:20,Name:80,NodeList:20,State:20"
    ).splitlines()


def started(site: Workspace, step: str) -> list[str]:
    """The nodes on which a step's job was started, in order."""
    folder = max(site.state.glob(f"slurm/training-*/{step}.*"))
    return [line.split()[2] for line in (folder / "started").read_text().splitlines()]
