"""A laptop that does not see the cluster's file system: commands through ssh, a checkout there, shared servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from podium.results import TrainingSummary
from tests.cluster.conftest import user_environment
from tests.cluster.login import login_node
from tests.cluster.slurm import Cluster
from tests.cluster.team import log_in
from tests.cluster.test_steps import Run
from tests.conftest import ROOT
from tests.product.prepared import Prepared
from tests.product.workspace import BIN, Workspace
from tests.product.zenml_server import ZenmlServer
from tests.registry.fixtures import database, postgres_server
from tests.registry.postgres import Database

__all__ = ["database", "postgres_server"]

pytestmark = pytest.mark.slow

CONFIG = """parameters:
  config:
    name: tiny
    trainer: {epochs: 2, augment: {flip: false, rotation: 5}}
    candidates: [simple_cnn]
    threads: 1
    registry: {model: tiny, onnx: false}
settings: {resources: {memory: 2GB}}
"""


@dataclass
class Laptop:
    """The user's machine, and the checkout that the cluster has."""

    here: Workspace
    there: Workspace
    shared: Path
    """Seen by both under the same name, as a bucket is."""
    cluster: Cluster
    options: tuple[str, ...]
    variables: dict[str, str]

    def stack(self, name: str, orchestrator: str, store: Path) -> None:
        """Register one whose jobs run there."""
        slurm = {
            "flavor": "slurm",
            "configuration": {
                "folder": str(self.there.state / "slurm"), "host": "login", "ssh_options": list(self.options),
                "python": str(BIN / "python"), "source_root": str(self.there.root), "memory": "1500M",
            },
        }  # fmt: skip
        components = {
            "orchestrator": slurm if orchestrator == "slurm" else {"flavor": orchestrator},
            "artifact_store": {"flavor": "local", "configuration": {"path": str(store)}},
            "step_operator": slurm,
        }
        (self.here.root / f"{name}.yaml").write_text(yaml.safe_dump({"stack": name, "components": components}))
        self.here.call("podium", "stack", "up", f"{name}.yaml", **self.variables)


@pytest.fixture
def laptop(
    cluster: Cluster, server: ZenmlServer, stock: Prepared, database: Database, tmp_path: Path
) -> Iterator[Laptop]:
    here, there = (stock.workspace(tmp_path / name / "podium") for name in ("laptop", "cluster"))
    (there.root / "tests").symlink_to(ROOT / "tests")
    stock.begin(here.state)
    with login_node(cluster, tmp_path / "sshd", here.root / "home") as options:
        variables = user_environment(here, cluster, here.root) | {"PODIUM_TRACKING_URI": database.uri}
        del variables["SLURM_CONF"]  # a laptop has no Slurm
        log_in(here, server, server.add_service_account(f"user of {tmp_path.name}"), variables)
        (tmp_path / "shared").mkdir()
        cluster.hide(tmp_path / "laptop")
        yield Laptop(here, there, tmp_path / "shared", cluster, options, variables)


def test_a_training_on_a_cluster_that_does_not_see_the_laptop(laptop: Laptop) -> None:
    laptop.stack("far", "local", laptop.shared / "artifacts")
    (laptop.here.root / "configs" / "far.yaml").write_text(CONFIG)
    command = (
        "zenml",
        "pipeline",
        "run",
        "pipelines.training.training_pipeline",
        "-c",
        "configs/far.yaml",
        "-s",
        "far",
    )
    printed = laptop.here.call(*command, **laptop.variables)
    assert "awaiting a decision" in printed
    steps = {path.name.partition(".")[0] for path in laptop.there.state.glob("slurm/*/*")}
    assert steps == {"train_simple_cnn", "examine_simple_cnn"}
    assert not (laptop.here.state / "slurm").exists()
    summaries = [TrainingSummary.model_validate_json(file.read_text()) for file in laptop.shared.rglob("training.json")]
    assert [summary.epochs for summary in summaries] == [2]


def test_a_driver_there_reaches_slurm_without_the_login_node(laptop: Laptop, tmp_path: Path) -> None:
    laptop.stack("closed", "slurm", laptop.shared / "artifacts")
    laptop.stack("apart", "local", laptop.here.state / "artifacts")
    branches = {"seen": {"cpus": 1, "gpus": 1}}
    for stack, ends in (("closed", "n"), ("apart", "failed: ")):
        variables, file = laptop.variables | {"STACK": stack}, laptop.shared / f"{stack}.json"
        run = Run(laptop.here, laptop.cluster, tmp_path, branches, variables, told=file)
        told = run.end()["seen"]
        assert told.startswith(ends), told
    said = f"the artifact store {laptop.here.state / 'artifacts'} is not on n"
    assert said.replace(" ", "") in told.replace(" ", ""), "a job's output has lines of a terminal's length"
