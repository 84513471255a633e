from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from podium.config import ModelConfig
from podium.contract import InputContract
from podium.errors import DataError
from podium.evaluation.saliency import HITS, MISTAKES, NoFeatureMap, choose, grad_cam, overlay
from podium.models import build
from podium.models.recipes import list_recipes, load_recipe
from podium.training import predict_probabilities
from tests.models.helpers import RECIPES, contract, write_weights_of

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


def plain(side: int = 32) -> InputContract:
    """Pixels reach the network as they are, on [0, 1]."""
    return contract(side=side).model_copy(update={"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)})


class Corners(nn.Module):
    """Class 0 is redness, class 1 greenness, each of a coarse map's mean."""

    def __init__(self, *, last: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 8, stride=8, bias=False)
        self.last = last
        with torch.no_grad():
            self.conv.weight.zero_()
            for channel in range(2):
                self.conv.weight[channel, channel] = 1
        self.requires_grad_(False)
        self.order = Order(last)

    def forward(self, x: Tensor) -> Tensor:
        return self.order(self.conv(x)).mean(dim=(1, 2) if self.last else (2, 3))


class Order(nn.Module):
    def __init__(self, last: bool) -> None:
        super().__init__()
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1) if self.last else x


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
def test_the_map_is_high_where_the_class_is(last: bool) -> None:
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[:, :8, :8, 0] = 255  # red in the upper left corner
    images[:, 24:, 24:, 1] = 200  # green in the lower right one
    maps = grad_cam(Corners(last=last).eval(), images, [0, 1], plain())
    assert (maps.values.dtype, maps.values.shape, maps.layer) == (np.float32, (2, 32, 32), "order")
    red, green = maps.values
    assert red.max() == green.max() == 1
    assert np.unravel_index(red.argmax(), red.shape) < (8, 8)
    assert red[16:, 16:].max() == 0
    assert green[:16, :16].max() == 0
    assert green[28, 28] == pytest.approx(1)


def test_a_map_on_which_nothing_speaks_for_the_class_is_zero() -> None:
    images = np.zeros((1, 32, 32, 3), np.uint8)
    values = grad_cam(Corners().eval(), images, [1], plain()).values
    assert values.max() == 0


def test_only_the_last_map_that_reaches_the_logits_counts() -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.aside = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            features = self.used(x)
            self.aside(features)
            return features.mean(dim=(2, 3))

    assert grad_cam(Aside().eval().requires_grad_(False), IMAGES, [0, 1, 2], plain()).layer == "used"


def test_a_network_without_places_is_refused() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)).eval()
    with pytest.raises(NoFeatureMap, match="no module gives a feature map") as caught:
        grad_cam(net, IMAGES, [0, 1, 2], plain())
    assert caught.value.remedy


def test_images_that_break_the_contract_are_refused() -> None:
    with pytest.raises(DataError, match="shape"):
        grad_cam(Corners(), IMAGES[:, :16], [0, 1, 2], plain())


def check(model: ModelConfig, side: int = 32, **arguments: Any) -> str:
    rules = contract(side=side)
    net = build(model, rules, seed=0, **arguments).eval().requires_grad_(False)
    images = RNG.integers(0, 256, (3, side, side, 3), dtype=np.uint8) // 2
    images[:, : side // 2] += 100
    before = net(torch.zeros(1, 3, side, side))
    maps = grad_cam(net, images, predict_probabilities(net, images, rules).argmax(1).tolist(), rules)
    assert maps.values.shape == (3, side, side)
    assert maps.values.min() >= 0
    assert maps.values.max() <= 1
    assert np.ptp(maps.values) > 0
    assert not any(module._forward_hooks for module in net.modules() if not model.views > 1)
    assert torch.equal(net(torch.zeros(1, 3, side, side)), before)
    return maps.layer


@pytest.mark.parametrize(
    "identifier",
    [
        pytest.param(recipe.id, marks=pytest.mark.slow if recipe.model.family == "timm" else ())
        for recipe in list_recipes(RECIPES)
    ],
)
def test_every_recipe_has_a_map(identifier: str, tmp_path: Path) -> None:
    recipe = load_recipe(identifier, RECIPES)
    check(recipe.model, weights=write_weights_of(tmp_path, recipe.model))


def test_the_layer_is_the_last_with_places() -> None:
    assert check(ModelConfig(family="resnet", options={"depth": 8, "width": 4})) == "backbone"
    assert check(ModelConfig(family="simple_cnn", options={"filters": [4, 4], "dense": 8})) == "5"


@pytest.mark.slow
def test_a_transformer_is_folded(tmp_path: Path) -> None:
    model = ModelConfig(family="timm", options={"weights": "vit_tiny_patch16_224.none", "input_size": 64})
    layer = check(model, weights=write_weights_of(tmp_path, model))
    assert layer == "backbone.blocks.11.norm1"


def test_the_surest_mistakes_come_first_and_hits_are_drawn() -> None:
    table = RNG.dirichlet(np.ones(4), 200)
    labels = RNG.integers(0, 4, 200)
    chosen = choose(table, labels, seed=0)
    correct = table.argmax(1) == labels
    wrong = chosen[:MISTAKES]
    assert not correct[wrong].any()
    sureness = table.max(1)
    assert sureness[wrong].tolist() == sorted(sureness[~correct], reverse=True)[:MISTAKES]
    assert correct[chosen[MISTAKES:]].all()
    assert len(chosen) == MISTAKES + HITS
    assert choose(table, labels, seed=0).tolist() == chosen.tolist() != choose(table, labels, seed=1).tolist()
    assert choose(np.eye(3), np.arange(3), seed=0).tolist() == [0, 1, 2]


def test_an_overlay_is_large_gray_where_nothing_is_and_coloured_where_something_is() -> None:
    image = RNG.integers(0, 256, (32, 24, 3), dtype=np.uint8)
    values = np.zeros((32, 24), np.float32)
    values[:8, :8] = 1
    picture = overlay(image, values)
    assert (picture.dtype, picture.shape) == (np.uint8, (128, 96, 3))
    cold, hot = picture[64:, 48:].astype(int), picture[:16, :16].astype(int)
    assert (cold == cold[..., :1]).all()
    assert (hot[..., 0] > hot[..., 2]).all()
    large = RNG.integers(0, 256, (100, 120, 3), dtype=np.uint8)
    assert overlay(large, np.zeros((100, 120), np.float32)).shape == (100, 120, 3)
