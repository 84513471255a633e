"""Small candidates, quick to train."""

from __future__ import annotations

from typing import Any

import torch

from podium.bundle import Bundle
from podium.config import Candidate, ModelConfig, RecipeConfig, TrainerConfig

MODELS = {
    "simple": ModelConfig(family="simple_cnn", options={"filters": [8, 8], "dense": 16}),
    "blocks": ModelConfig(family="cnn_blocks", options={"filters": [8, 8], "dense": 16}),
    "resnet": ModelConfig(family="resnet", options={"depth": 8, "width": 4, "dropout": 0.2}),
    "speed": ModelConfig(family="speednet", options={"widths": [4, 8], "norm_momentum": 0.1}, views=2),
    "transfer": ModelConfig(family="transfer", options={"depth": 8, "width": 4, "weights": "small"}),
    "timm": ModelConfig(family="timm", options={"weights": "test_efficientnet.r160_in1k"}),
}


def candidate(model: str = "simple", *, seed: int = 3, threads: int = 1, **trainer: Any) -> Candidate:
    settings = {"epochs": 4, "batch_size": 16, "learning_rate": 0.003, **trainer}
    recipe = RecipeConfig(
        id=f"tiny_{model}", source="tests", model=MODELS[model], trainer=TrainerConfig.model_validate(settings)
    )
    return Candidate(name=recipe.id, recipe=recipe, seed=seed, threads=threads)


def same(a: Bundle, b: Bundle) -> bool:
    """Whether two bundles hold the very same bits and history (times left out)."""
    histories = [[record.model_dump(exclude={"seconds"}) for record in bundle.summary.history] for bundle in (a, b)]
    return (
        a.state.keys() == b.state.keys()
        and all(torch.equal(a.state[key], b.state[key]) for key in a.state)
        and histories[0] == histories[1]
        and a.summary.best_epoch == b.summary.best_epoch
    )
