"""From a blocked candidate to a rollback: train, judge, two reviewers, promote, reject, roll back, audit.

The same story on one machine without a server, and with PostgreSQL and a ZenML server. Runs and commands are forks of
one process that has imported the libraries; the promotion pipeline is started by ``podium review``, as ever.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from podium.data import write_dataset
from podium.dossier.facts import Dossier
from podium.registry import versions
from tests.product.installations import Alone, Team
from tests.product.warm import Forks, forking
from tests.product.workspace import Workspace
from tests.product.zenml_server import ZenmlServer, zenml_server
from tests.registry.fixtures import database, mlflow_database, postgres_server
from tests.registry.postgres import Database

__all__ = ["database", "mlflow_database", "postgres_server"]

pytestmark = pytest.mark.slow

POLICY = """
floors: {accuracy: 0.85}
comparison: {margin: 0.05, class_margin: 0.3}
decision: {reviewers: [ada, grace, linus], quorum: 2, self_approval: false}
"""
RUN = """
parameters:
  config:
    name: scenario
    seed: SEED
    threads: 1
    trainer: {epochs: 3, learning_rate: 0.003, batch_size: 32, early_stopping: null, augment: {flip: false}}
    candidates: [RECIPE]
    registry: {model: scenario, onnx: false}
"""
RECIPES = {
    "colors": "model: {family: simple_cnn, options: {filters: [8], dense: 16}}",
    "gray": "model: {family: cnn_blocks, options: {filters: [8], dense: 16, grayscale: true,"
    " dropout_before: 0, dropout_after: 0}}",
}
"""The second cannot tell red from green: two thirds of the images are all that it ever gets right."""
TINTS = {"dark": (40, 40, 40), "red": (200, 40, 40), "green": (40, 122, 40)}
"""Red and green are equally bright (ITU-R BT.601)."""


def tinted(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images of 16×16 whose class is their tint."""
    labels = np.arange(count, dtype=np.int64) % len(TINTS)
    noise = np.random.default_rng(seed).integers(-40, 41, (count, 16, 16, 1))
    tints = np.array(list(TINTS.values()))[labels]
    return (tints[:, None, None, :] + noise).astype(np.uint8), labels


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder that takes no time to synchronize, which ZenML's and MLflow's databases do a thousand times here."""
    large = Path("/dev/shm").is_dir() and shutil.disk_usage("/dev/shm").free > 2**29
    with TemporaryDirectory(prefix="podium-scenario-", dir="/dev/shm" if large else None) as folder:
        yield Path(folder)


@pytest.fixture
def checkout(memory: Path, request: pytest.FixtureRequest) -> Workspace:
    """A workspace with a data set, two recipes and a policy; nothing ran in it."""
    made = Workspace.create(memory / request.node.name / "checkout")
    splits = {name: tinted(n, i) for i, (name, n) in enumerate([("train", 192), ("validation", 90), ("test", 150)])}
    (made.root / "data.dvc").unlink()
    write_dataset(
        made.root / "data", splits, name="tints", class_names=tuple(TINTS), source="made", licence="CC0-1.0"
    )  # fmt: skip
    for name, model in RECIPES.items():
        text = f"id: {name}\nsource: made\n{model}\ntrainer: {{epochs: 3}}\n"
        (made.root / "configs" / "recipes" / f"{name}.yaml").write_text(text)
    (made.root / "configs" / "promotion.yaml").write_text(POLICY)
    return made


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with forking() as made:
        yield made


@pytest.fixture(scope="module")
def starting(memory: Path) -> Iterator[ZenmlServer]:
    with zenml_server(memory / "server") as made:
        yield made


class Story:
    """What happens in an installation, told in commands."""

    def __init__(self, place: Alone) -> None:
        self.place, self.told = place, 0

    def train(self, recipe: str, *, seed: int = 0) -> dict[str, Any]:
        """Run the pipeline; returns the newest review."""
        file = self.place.workspace.root / "configs" / "scenario.yaml"
        file.write_text(RUN.replace("RECIPE", recipe).replace("SEED", str(seed)))
        run = self.place.warm.start("runner", "pipelines.training.training_pipeline", "configs/scenario.yaml")
        with run.stdout as printed:
            text = printed.read()
        assert run.wait() == 0, text
        newest: dict[str, Any] = self.place.warm.json("review", "list", "--all")["reviews"][0]
        return newest

    def decide(self, verb: str, review: str, who: str, *, refused: bool = False) -> str:
        self.told += 1
        return self.place.decide(verb, review, who, f"{who} says so ({self.told})", refused=refused)

    def champion(self) -> int | None:
        """As the decisions have it, and as MLflow has it."""
        value: int | None = self.place.warm.json("leaderboard")["champion"]
        aliases = versions.aliases(self.place.registry, "scenario")
        assert aliases.get("champion") == value
        return value

    def dossier(self) -> Dossier:
        run = self.place.warm.json("leaderboard")["run"]
        folder: Path = self.place.workspace.state / "runs" / run
        assert "<script" not in (folder / "dossier.html").read_text()
        assert (folder / "model_card.md").read_text().startswith("---\n")
        return Dossier.read((folder / "dossier.json").read_text())


def test_on_one_machine(checkout: Workspace, forks: Forks, starting: ZenmlServer, mlflow_database: Path) -> None:
    checkout.state.mkdir()
    shutil.copyfile(mlflow_database, checkout.state / "mlflow.db")
    tell(Story(Alone(checkout, forks)))


def test_with_the_servers_of_a_team(
    checkout: Workspace, forks: Forks, starting: ZenmlServer, database: Database
) -> None:
    team = Team(checkout, forks, database, starting)
    starting.wait()
    team.log_in()
    with team.desk():
        tell(Story(team))
    assert team.stages() == {"v1": "staging", "v2": "production", "v3": "archived", "v4": "archived"}
    assert [sorted(team.runs_of(f"v{number}")) for number in range(1, 5)] == [
        ["training"], ["training"], ["training"], ["promotion", "training"]
    ]  # fmt: skip
    assert team.users_of_runs() == {"training by runs: completed", "promotion by office: completed"}
    review = team.warm.json("review", "show", "scenario-2")
    assert [(vote["actor"], vote["via"]) for vote in review["votes"]] == [("ada", "desk"), ("grace", "desk")]
    assert review["author"] == "runs", "as the ZenML server knows who started the run"
    assert not (checkout.state / "reviews.db").exists()
    assert not (checkout.state / "mlflow.db").exists()
    assert not (checkout.root / "mlruns").exists()
    assert list((checkout.root / "shared").glob("*/artifacts/dossiers/*/dossier.json"))


def tell(story: Story) -> None:
    call, json = story.place.warm.call, story.place.warm.json

    poor = story.train("gray")
    assert (poor["id"], poor["outcome"]) == ("scenario-1", "blocked")
    assert "is blocked" in story.dossier().summary
    assert "the gate blocks it" in story.decide("approve", "scenario-1", "ada", refused=True)
    assert story.champion() is None

    good = story.train("colors")
    assert good["id"] == "scenario-2"
    assert good["outcome"] != "blocked", story.dossier().summary
    assert story.dossier().champion is None
    assert "no reviewer" in story.decide("approve", "scenario-2", "mallory", refused=True)
    story.decide("approve", "scenario-2", "ada")
    assert story.champion() is None, "one of two approvals promotes nothing"
    assert "ada has approved it already" in story.decide("approve", "scenario-2", "ada", refused=True)
    story.decide("approve", "scenario-2", "grace")
    assert story.champion() == 2

    worse = story.train("gray", seed=1)
    assert (worse["id"], worse["outcome"]) == ("scenario-3", "blocked")
    beside = story.dossier()
    assert beside.champion is not None
    assert beside.champion.version == 2
    assert beside.champion_examination is not None, beside.champion_unexamined
    assert beside.champion_examination.candidate == "colors"
    assert beside.examples
    assert beside.challenger.accuracy < beside.champion.accuracy
    assert (beside.use, beside.duel) == (3, 1)
    story.decide("reject", "scenario-3", "linus")
    assert story.champion() == 2

    other = story.train("colors", seed=1)
    assert other["outcome"] != "blocked", story.dossier().summary
    story.decide("approve", "scenario-4", "linus")
    assert "ZenML stage of v4: staging → production" in story.place.promote("scenario-4", "grace", "better")
    assert story.champion() == 4

    call("podium", "review", "rollback", "--reason", "complaints", "--as", "ada", "--no-zenml")
    assert story.champion() == 2
    left = call("podium", "review", "audit", expect=1)
    assert "ZenML's stage of v4 is production, the decision log says archived" in " ".join(left.split())
    call("podium", "review", "sync")
    told = json("review", "audit")
    assert told["findings"] == []
    assert told["versions_verified"] == 4
