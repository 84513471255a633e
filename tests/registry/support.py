"""A small real registry: real MLflow on SQLite, real bundles of a tiny network, made-up figures."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient

from podium.bundle import Bundle
from podium.config import Candidate, ModelConfig, RecipeConfig
from podium.contract import InputContract
from podium.models import build
from podium.registry import reviews, tracking
from podium.registry.evidence import Evidence
from podium.registry.provenance import CodeState
from podium.registry.register import register
from podium.registry.request import RegisteredVersion
from podium.registry.state import Review
from podium.results import DataReference, Leaderboard, LeaderboardRow, TrainingSummary
from podium.settings import Settings

DATA = "d" * 64
CONTRACT = InputContract(
    height=16, width=16, mean=(0.4, 0.4, 0.4), std=(0.2, 0.2, 0.2), class_names=("left", "middle", "right")
)
EXAMPLES = np.random.default_rng(7).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
AUTHOR = "ada@lab"


def candidate(name: str = "tiny") -> Candidate:
    options = {"filters": [4], "dense": 8}
    return Candidate(
        name=name,
        recipe=RecipeConfig(id="tiny", source="made", model=ModelConfig(family="simple_cnn", options=options)),
    )


def make_bundle(folder: Path, *, seed: int = 0, data: str = DATA, contract: InputContract = CONTRACT) -> Path:
    """Save a bundle of an untrained network whose weights follow from the seed."""
    branch = candidate()
    summary = TrainingSummary(
        candidate=branch.name, recipe="tiny", parameters=1, trainable_parameters=1, epochs=1, best_epoch=1,
        stopped_early=False, train_seconds=1.0, images_per_second=1.0, device="cpu", threads=1, seed=seed,
        resumed_from=None, history=(),
    )  # fmt: skip
    net = build(branch.recipe.model, contract, seed=seed)
    folder.mkdir(parents=True)
    Bundle(branch, contract, data, dict(net.state_dict()), summary).save(folder)
    return folder


def make_evidence(*, accuracy: float = 0.9, run: str = "run-1", report: str | None = "<html></html>") -> Evidence:
    board = Leaderboard(
        run=run,
        config="quickstart",
        model="digits",
        data=DataReference(name="thirds", path="data", digest=DATA),
        selected="tiny",
        selection_metric="accuracy",
        candidates=(
            LeaderboardRow(recipe="tiny", status="completed", validation_accuracy=accuracy, test_accuracy=accuracy),
            LeaderboardRow(recipe="other", status="failed", cause="NaN loss"),
        ),
    )
    return Evidence(board, (), {"passed": True}, report)


@dataclass
class House:
    """One installation in a temporary folder."""

    settings: Settings
    client: MlflowClient
    folder: Path

    def run(self, key: str) -> str:
        started = tracking.start_candidate_run(
            self.settings, candidate(), run="run-1", key=key, data_digest=DATA, tracking=self.client
        )
        started.finish()
        return started.run_id

    def arguments(self, seed: int = 0, **changes: Any) -> dict[str, Any]:
        """What :func:`register` gets for the model with this seed."""
        bundle = self.folder / f"bundle-{seed}"
        return {
            "model": "podium",
            "run": "run-1",
            "mlflow_run": self.run(f"key-{seed}"),
            "bundle": bundle if bundle.is_dir() else make_bundle(bundle, seed=seed),
            "evidence": make_evidence(accuracy=0.9 + seed / 100),
            "config_digest": "c" * 64,
            "code": CodeState(commit="f" * 40, dirty=False),
            "examples": EXAMPLES,
            "client": self.client,
        } | changes

    def register(self, seed: int = 0, **changes: Any) -> RegisteredVersion:
        return register(self.settings, **self.arguments(seed, **changes))

    def open(self, seed: int = 0, **changes: Any) -> Review:
        return reviews.open_review(self.settings, self.register(seed, **changes), author=AUTHOR)

    def aliases(self) -> dict[str, int]:
        return {alias: int(v) for alias, v in self.client.get_registered_model("podium").aliases.items()}

    def versions(self) -> list[int]:
        return sorted(int(found.version) for found in self.client.search_model_versions("name = 'podium'"))

    def package(self, version: int) -> Path:
        """The folder that MLflow loads for a version."""
        uri = self.client.get_model_version_download_uri("podium", str(version))
        return Path(uri.removeprefix("file://"))


def make_house(folder: Path, template: Path) -> House:
    state = folder / "state"
    state.mkdir(parents=True)
    shutil.copyfile(template, state / "mlflow.db")
    settings = Settings(root=folder, state=state, tracking_uri=f"sqlite:///{state / 'mlflow.db'}")
    return House(settings, tracking.client(settings), folder)


class Crash(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class CrashingClient:
    """An MLflow client that dies before or after its n-th write."""

    WRITES = ("log_artifacts", "create_registered_model", "create_model_version", "set_model_version_tag",
              "set_registered_model_alias", "delete_registered_model_alias")  # fmt: skip

    def __init__(self, client: MlflowClient, at: int, *, after: bool) -> None:
        self._client, self._left, self._after = client, at, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return self._counted(method) if name in self.WRITES else method

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Crash
            result = method(*args, **kwargs)
            if self._left == 0:
                raise Crash
            return result

        return call
