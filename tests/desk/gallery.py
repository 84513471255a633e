"""A registry as it looks after some runs on handwritten digits: small networks that were trained for a moment."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits

from podium.bundle import Bundle
from podium.config import Candidate, ModelConfig, RecipeConfig
from podium.config.decision import DecisionPolicy
from podium.config.promotion import PromotionPolicy
from podium.contract import InputContract
from podium.data import open_dataset, write_dataset
from podium.models import build
from podium.registry import reviews
from podium.registry.evidence import Evidence
from podium.registry.request import RegisteredVersion
from podium.results import DataReference, Leaderboard, LeaderboardRow, TrainingSummary
from tests.registry.support import House

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CONTRACT = InputContract(height=16, width=16, mean=(0.3,) * 3, std=(0.37,) * 3, class_names=NAMES)
REPORT = "<!doctype html><title>run</title><h1>The report of a run</h1><script>document.title = 'owned'</script>"


def fill(house: House) -> None:
    """Reviews podium-1 to podium-3, all open, of networks after 60, 25 and 240 steps; letters-1 has expired."""
    digits = load_digits()
    images = np.kron(digits.images * 255 / 16, np.ones((1, 2, 2)))[..., None].repeat(3, -1).astype(np.uint8)
    labels = digits.target.astype(np.int64)
    parts = {"train": slice(0, 1000), "validation": slice(1000, 1400), "test": slice(1400, None)}
    splits = {name: (images[part], labels[part]) for name, part in parts.items()}
    write_dataset(house.folder / "data", splits, name="digits", class_names=NAMES, source="scikit-learn", licence="BSD")
    digest = open_dataset(house.folder / "data").manifest.digest
    for seed, (name, steps) in enumerate((("simple_cnn", 60), ("cnn_3block", 25), ("resnet20", 240))):
        version = _open(house, seed, name, steps, digest, splits)
    late = PromotionPolicy(decision=DecisionPolicy(expires_days=1e-9))
    other = version.model_copy(update={"model": "letters", "version": 1})
    reviews.open_review(house.settings, other, author="ada@lab", policy=late)


def _open(house: House, seed: int, name: str, steps: int, digest: str, splits: dict) -> RegisteredVersion:
    recipe = RecipeConfig(
        id=name, source="made", model=ModelConfig(family="simple_cnn", options={"filters": [8], "dense": 32})
    )
    net = build(recipe.model, CONTRACT, seed=seed)
    inputs = {key: (torch.tensor(value[0]).permute(0, 3, 1, 2) / 255 - 0.3) / 0.37 for key, value in splits.items()}
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(seed)
    targets = torch.tensor(splits["train"][1])
    for _ in range(steps):
        batch = torch.randint(0, len(targets), (32,), generator=generator)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(inputs["train"][batch]), targets[batch]).backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        right = {
            key: float((net(inputs[key]).argmax(1).numpy() == splits[key][1]).mean()) for key in ("validation", "test")
        }
    accuracy = right["test"]
    row = LeaderboardRow(
        recipe=name, status="completed", validation_accuracy=right["validation"], validation_loss=0.31 - seed / 20,
        test_accuracy=accuracy, test_accuracy_low=accuracy - 0.021, test_accuracy_high=min(1, accuracy + 0.017),
        test_loss=0.34 - seed / 25, test_precision=accuracy, test_recall=accuracy, test_f1=accuracy - 0.003,
        parameters=sum(p.numel() for p in net.parameters()), epochs=8 + seed, train_seconds=41.0 + 30 * seed,
        milliseconds_per_image=0.21 + seed / 10,
    )  # fmt: skip
    board = Leaderboard(
        run=f"quickstart-2026-11-{18 + seed}", config="quickstart", model="podium",
        data=DataReference(name="digits", path="data", digest=digest), selected=name, selection_metric="accuracy",
        candidates=(row,),
    )  # fmt: skip
    summary = TrainingSummary(
        candidate=name, recipe=name, parameters=1, trainable_parameters=1, epochs=1, best_epoch=1, stopped_early=False,
        train_seconds=1.0, images_per_second=1.0, device="cpu", threads=1, seed=seed, resumed_from=None, history=(),
    )  # fmt: skip
    bundle = house.folder / f"bundle-of-{name}"
    bundle.mkdir()
    Bundle(Candidate(name=name, recipe=recipe), CONTRACT, digest, dict(net.state_dict()), summary).save(bundle)
    evidence = Evidence(board, (), {"passed": True}, REPORT)
    examples = splits["validation"][0][:8]
    version = house.register(seed, bundle=bundle, evidence=evidence, run=board.run, examples=examples)
    reviews.open_review(house.settings, version, author="ada@lab")
    return version
