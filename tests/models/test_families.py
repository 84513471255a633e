"""Every recipe and family: counts, forward and backward, determinism, no global randomness."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from podium.config import ModelConfig
from podium.errors import ConfigError, WeightsError
from podium.models import FAMILIES, WeightsStore, build, count_parameters, options_of, skeleton
from podium.models.layers import set_dropout_generator
from podium.models.options import OPTIONS, has_backbone
from podium.models.recipes import list_recipes, load_recipe

from .counts import COUNTS
from .helpers import NAME, QUICK_TIMM, RECIPES, contract, write_timm_weights, write_weights, write_weights_of

IDS = [recipe.id for recipe in list_recipes(RECIPES)]
BACKBONES = {recipe.id for recipe in list_recipes(RECIPES) if recipe.model.family == "timm"}
"""These take steps in tests/training/test_transfer_recipes.py, on real images."""
SMALLEST = {
    "simple_cnn": {},
    "cnn_blocks": {},
    "resnet": {"depth": 8},
    "speednet": {"widths": [4, 8, 8]},
    "transfer": {"depth": 8, "weights": "small"},
    "timm": {"weights": "test_efficientnet.r160_in1k"},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WeightsStore:
    folder = tmp_path_factory.mktemp("weights")
    write_weights(folder, NAME)
    write_weights(folder, "small", depth=8)
    write_timm_weights(folder, "test_efficientnet.r160_in1k")
    return WeightsStore(folder)


def test_every_family_is_covered_here() -> None:
    assert set(SMALLEST) == set(FAMILIES)


def test_options_are_those_of_the_families() -> None:
    assert {name: family.options for name, family in FAMILIES.items()} == OPTIONS
    pretrained = {name for name, family in FAMILIES.items() if family.pretrained}
    assert {name for name in OPTIONS if has_backbone(ModelConfig(family=name))} == pretrained


def test_every_recipe_of_the_reference_table_is_there() -> None:
    sources = {recipe.source for recipe in list_recipes(RECIPES)}
    table = {f"B{i}" for i in range(9)} | {"A1", "A2", "C1", "C2", "D1", "D2", "E1", "E2", "E3", "F1"}
    assert sources == table | {f"T{i}" for i in range(1, 11)} | {"own"}


@pytest.mark.parametrize("recipe", IDS)
def test_parameter_counts_are_exact(recipe: str) -> None:
    assert count_parameters(skeleton(load_recipe(recipe, RECIPES).model, contract(10))) == COUNTS[recipe]


@pytest.mark.parametrize("recipe", [i for i in IDS if i not in BACKBONES or i == QUICK_TIMM])
def test_every_recipe_takes_a_training_step_and_evaluates(recipe: str, tmp_path: Path) -> None:
    model = load_recipe(recipe, RECIPES).model
    net = build(model, contract(7), seed=1, weights=write_weights_of(tmp_path, model)).train()
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    prepare = FAMILIES[model.family].prepare
    if prepare:
        prepare(net, images)
    set_dropout_generator(net, torch.Generator().manual_seed(2))
    logits = net(images)
    assert logits.shape == (4, 7)
    functional.cross_entropy(logits, torch.arange(4)).backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        assert parameter.grad is None or parameter.grad.isfinite().all(), name
    with torch.inference_mode():
        assert net.eval()(images[:1]).shape == (1, 7), "one image alone, too"


@pytest.mark.parametrize("size", [(17, 17), (48, 33)])
@pytest.mark.parametrize("family", sorted(SMALLEST))
def test_every_family_takes_other_image_sizes(family: str, size: tuple[int, int], store: WeightsStore) -> None:
    model = ModelConfig(family=family, options=SMALLEST[family])
    given = contract(3).model_copy(update={"height": size[0], "width": size[1]})
    net = build(model, given, seed=1, weights=store).eval()
    assert net(torch.zeros(2, 3, *size)).shape == (2, 3)


@pytest.mark.parametrize("family", sorted(SMALLEST))
def test_initial_values_follow_from_the_seed_alone_also_in_threads(family: str, store: WeightsStore) -> None:
    model = ModelConfig(family=family, options=SMALLEST[family])
    before = torch.get_rng_state()

    def make(seed: int) -> dict[str, torch.Tensor]:
        return build(model, contract(), seed=seed, weights=store).state_dict()

    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(make, [1, 2, 1, 2]))
    assert all(torch.equal(states[0][k], states[2][k]) for k in states[0])
    assert any(not torch.equal(states[0][k], states[1][k]) for k in states[0])
    assert all(value.isfinite().all() for value in states[0].values())
    assert torch.equal(torch.get_rng_state(), before), "the global generator was used"


@pytest.mark.parametrize("family", ["simple_cnn", "cnn_blocks"])
def test_reference_networks_start_as_keras_starts_them(family: str) -> None:
    net = build(ModelConfig(family=family), contract(), seed=1)
    dense = next(module for module in net.modules() if isinstance(module, torch.nn.Linear))
    limit = (6 / (dense.in_features + dense.out_features)) ** 0.5
    assert 0.95 * limit < dense.weight.abs().max() <= limit
    assert dense.bias.abs().max() == 0


@pytest.mark.parametrize("family", ["simple_cnn", "cnn_blocks"])
def test_too_small_images_are_refused(family: str) -> None:
    with pytest.raises(ConfigError, match="leave nothing of 4×4"):
        build(ModelConfig(family=family, options={"filters": [8, 8, 8]}), contract(3, 4), seed=0)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (ModelConfig(family="resnt"), ["model.family", "'resnt'", "did you mean 'resnet'"]),
        (ModelConfig(family="resnet", options={"dpth": 20}), ["model.options.dpth", "did you mean 'depth'"]),
        (ModelConfig(family="resnet", options={"depth": 21}), ["model.options.depth", "6n + 2", "21"]),
        (ModelConfig(family="resnet", options={"width": "wide"}), ["model.options.width", "'wide'"]),
        (ModelConfig(family="transfer"), ["model.options.weights", "required"]),
        (ModelConfig(family="cnn_blocks", options={"filters": [8, 0]}), ["model.options.filters", "0"]),
        (ModelConfig(family="cnn_blocks", options={"norm": "layer"}), ["model.options.norm", "before_relu"]),
        (ModelConfig(family="speednet", options={"convolutions": 4}), ["model.options.convolutions", "4"]),
        (ModelConfig(family="speednet", options={"scale": 1e30}), ["model.options.scale", "1e+30"]),
        (ModelConfig(family="speednet", options={"widths": [65_537]}), ["model.options.widths.0", "65537"]),
        (ModelConfig(family="simple_cnn", options={"dense": 10**30}), ["model.options.dense", f"{10**30}"]),
        (ModelConfig(family="cnn_blocks", options={"convolutions": 65}), ["model.options.convolutions", "65"]),
        (ModelConfig(family="resnet", options={"depth": 1208}), ["model.options.depth", "1202", "1208"]),
        (ModelConfig(family="resnet", options={"width": 10**30}), ["model.options.width", f"{10**30}"]),
    ],
)
def test_wrong_options_are_refused_with_their_path(model: ModelConfig, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        options_of(model, "x.yaml")
    assert all(word in str(caught.value) for word in ["x.yaml", *words]), str(caught.value)


def test_a_recipe_without_its_weights_is_an_error_not_a_random_network(tmp_path: Path) -> None:
    model = ModelConfig(family="transfer", options={"weights": "nowhere"})
    with pytest.raises(WeightsError, match="'nowhere' are in none of"):
        build(model, contract(), seed=1, weights=WeightsStore(tmp_path))
