"""Optimizers: what a step does, and that their state can be put away and taken up again."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.config import TrainerConfig
from podium.contract import InputContract
from podium.models import WeightsStore, build
from podium.models.transfer import TransferNet
from podium.training.muon import COEFFICIENTS, ITERATIONS, orthogonalize
from podium.training.optimizers import load_state_tensors, make_optimizer, set_rate, state_tensors

from .helpers import candidate

pytestmark = pytest.mark.usefixtures("one_thread")

OPTIMIZERS = get_args(TrainerConfig.model_fields["optimizer"].annotation)
RATES = {"adadelta": 1.0, "sgd": 0.1, "muon": 0.02}
VARIANTS: dict[str, dict[str, Any]] = {name: {"optimizer": name} for name in OPTIMIZERS} | {
    "sgd without momentum": {"optimizer": "sgd", "momentum": 0.0},
    "rmsprop with momentum": {"optimizer": "rmsprop", "momentum": 0.9},
    "muon with unit filters": {"optimizer": "muon", "unit_filters": True},
    "sgd with rates of its own": {"optimizer": "sgd", "bias_rate": 4.0, "head_rate": 0.5, "bias_decay": True},
}


def trainer(**settings: Any) -> TrainerConfig:
    return TrainerConfig.model_validate(settings)


def network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(8 * 16, 12), nn.ReLU(), nn.Linear(12, 4)),
        )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def images() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(32) % 4
    pixels = torch.rand(32, 3, 8, 8, generator=generator) + labels[:, None, None, None] / 4
    return pixels.to(memory_format=torch.channels_last), labels


def steps(net: nn.Module, optimizer: torch.optim.Optimizer, rate: float, count: int) -> list[float]:
    pixels, labels = images()
    losses = []
    for _ in range(count):
        set_rate(optimizer, rate)
        optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(net(pixels), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def rate_of(config: TrainerConfig) -> float:
    return RATES.get(config.optimizer, 0.003)


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_the_loss_falls(variant: str) -> None:
    config = trainer(**VARIANTS[variant])
    net = network()
    losses = steps(net, make_optimizer(net, config, rate_of(config)), rate_of(config), 25)
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("variant", sorted(VARIANTS))
@pytest.mark.parametrize("done", [0, 1, 4])
def test_going_on_from_saved_tensors_gives_the_same_bits(variant: str, done: int) -> None:
    config = trainer(weight_decay=0.01, **VARIANTS[variant])
    rate = rate_of(config)
    net = network()
    optimizer = make_optimizer(net, config, rate)
    steps(net, optimizer, rate, done)
    saved = {name: value.contiguous() for name, value in state_tensors(optimizer).items()}
    state = safetensors.torch.load(safetensors.torch.save(saved))
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    steps(net, optimizer, rate / 2, 3)

    other = network(seed=9)
    other.load_state_dict(weights)
    resumed = make_optimizer(other, config, rate)
    load_state_tensors(resumed, state)
    steps(other, resumed, rate / 2, 3)
    for name, value in net.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_every_trainable_parameter_is_in_one_group() -> None:
    for name in OPTIMIZERS:
        net = network()
        net[3].requires_grad_(False)
        optimizer = make_optimizer(net, trainer(optimizer=name), 0.1)
        found = [id(p) for group in optimizer.param_groups for p in group["params"]]
        assert sorted(found) == sorted(id(p) for p in net.parameters() if p.requires_grad)


def test_what_is_set_alike_is_one_group() -> None:
    assert len(make_optimizer(network(), trainer(optimizer="adam"), 0.1).param_groups) == 1
    assert len(make_optimizer(network(), trainer(optimizer="adamw", weight_decay=0.1), 0.1).param_groups) == 2
    assert len(make_optimizer(network(), trainer(optimizer="sgd", head_rate=2.0), 0.1).param_groups) == 3


def one_step(config: TrainerConfig, *, gradient: float = 0.0, rate: float = 0.1) -> tuple[nn.Module, nn.Module]:
    """The network before and after a step with an even gradient."""
    before, net = network(), network()
    for module in (before, net):
        for parameter in module.parameters():
            parameter.data.fill_(1.0)
    optimizer = make_optimizer(net, config, rate)
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    optimizer.step()
    return before, net


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_spares_biases_and_normalization(name: str) -> None:
    for bias_decay in (False, True):
        before, after = one_step(trainer(optimizer=name, weight_decay=0.1, bias_decay=bias_decay))
        pairs = list(zip(before.parameters(), after.parameters(), strict=True))
        assert all((new < old).all() for old, new in pairs if old.ndim > 1)
        assert all(((new < old) if bias_decay else (new == old)).all() for old, new in pairs if old.ndim == 1)


def test_parts_have_learning_rates_of_their_own_and_decay_alike() -> None:
    rates = trainer(optimizer="sgd", momentum=0.0, bias_rate=3.0, head_rate=0.5)
    before, after = one_step(rates, gradient=1.0)
    new = dict(after.named_parameters())
    moved = {name: float((old - new[name]).detach().mean()) for name, old in before.named_parameters()}
    assert moved["9.weight"] == pytest.approx(0.05, rel=1e-4)
    assert [moved["7.weight"], moved["0.weight"]] == pytest.approx([0.1] * 2, rel=1e-4)
    assert [moved["9.bias"], moved["1.weight"]] == pytest.approx([0.3] * 2, rel=1e-4)

    decaying = trainer(optimizer="sgd", weight_decay=0.1, bias_rate=3.0, head_rate=0.5, bias_decay=True, momentum=0.0)
    _, decayed = one_step(decaying)
    for parameter in decayed.parameters():
        assert parameter.detach().allclose(torch.full_like(parameter, 0.99))


def test_rmsprop_is_that_of_keras() -> None:
    """rho 0.9, epsilon 1e-7, no momentum: a first step divides by the root of a tenth of the squared gradient."""
    _, after = one_step(trainer(optimizer="rmsprop"), gradient=0.5, rate=0.01)
    expected = 1 - 0.01 * 0.5 / (math.sqrt(0.1 * 0.25) + 1e-7)
    assert all(p.detach().allclose(torch.full_like(p, expected)) for p in after.parameters())


def test_adadelta_is_that_of_keras() -> None:
    """rho 0.95, epsilon 1e-7."""
    _, after = one_step(trainer(optimizer="adadelta"), gradient=0.5, rate=1.0)
    expected = 1 - math.sqrt(1e-7) / math.sqrt(0.05 * 0.25 + 1e-7) * 0.5
    assert all(p.detach().allclose(torch.full_like(p, expected)) for p in after.parameters())


class TestMuon:
    @pytest.mark.parametrize("shape", [(16, 16), (16, 72), (72, 16), (1, 5), (64, 576)])
    def test_singular_values_come_near_one_and_directions_stay(self, shape: tuple[int, int]) -> None:
        matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        found = orthogonalize(matrix[None])[0]
        values = torch.linalg.svdvals(found)
        assert (values[values > 0] < 1.25).all()
        assert (values > 0.6).double().mean() > 0.9
        u, _, v = torch.linalg.svd(matrix, full_matrices=False)
        turned = u.mT @ found @ v.mT
        assert (turned - turned.diagonal().diag()).abs().max() < 1e-3

    def test_matrices_are_solved_together_as_alone(self) -> None:
        matrices = (
            torch.randn(3, 8, 20, generator=torch.Generator().manual_seed(0))
            * torch.tensor([1e-6, 1, 1e4])[:, None, None]
        )
        together = orthogonalize(matrices)
        for matrix, found in zip(matrices, together, strict=True):
            assert orthogonalize(matrix[None])[0].allclose(found, atol=1e-5)

    @pytest.mark.parametrize("rows", [8, 64])
    @pytest.mark.parametrize("smallest", [-1, -6])
    def test_by_way_of_products_of_rows_it_is_the_iteration(self, rows: int, smallest: int) -> None:
        noise = torch.randn(2, rows, 200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        matrices = torch.logspace(0, smallest, rows, dtype=torch.float64)[:, None] * noise
        x = matrices / matrices.norm(dim=(1, 2), keepdim=True)
        a, b, c = COEFFICIENTS
        for _ in range(ITERATIONS):
            gram = x @ x.mT
            x = a * x + (b * gram + c * gram @ gram) @ x
        assert (orthogonalize(matrices.float()) - x).abs().max() < 1e-4 * x.abs().max()

    def test_nothing_becomes_of_nothing(self) -> None:
        assert torch.equal(orthogonalize(torch.zeros(2, 3, 4)), torch.zeros(2, 3, 4))

    def test_the_step_has_one_size_whatever_the_gradient(self) -> None:
        for scale in (1e-4, 1.0, 1e4):
            net, before = network(), network()
            optimizer = make_optimizer(net, trainer(optimizer="muon"), 0.1)
            for parameter in net.parameters():
                noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2))
                parameter.grad = scale * noise
            optimizer.step()
            change = (net[3].weight - before[3].weight).detach().flatten(1) / 0.1
            assert torch.linalg.svdvals(change).sub(1).abs().max() < 0.35
            tall = (net[7].weight - before[7].weight).detach() / 0.1
            assert torch.linalg.svdvals(tall).sub(1).abs().max() < 0.35

    def test_tall_matrices_take_larger_steps(self) -> None:
        net = nn.Sequential(nn.Linear(4, 16, bias=False), nn.Linear(16, 2, bias=False))
        before = net[0].weight.detach().clone()
        optimizer = make_optimizer(net, trainer(optimizer="muon"), 0.1)
        net[0].weight.grad = torch.randn(16, 4, generator=torch.Generator().manual_seed(2))
        optimizer.step()
        values = torch.linalg.svdvals((net[0].weight - before).detach() / 0.1)
        assert values.sub(2).abs().max() < 0.7

    def test_the_rest_is_trained_by_nesterov(self) -> None:
        before, after = one_step(trainer(optimizer="muon", bias_rate=2.0), gradient=1.0)
        assert after[9].weight.detach().allclose(before[9].weight - 0.1 * 1.85)
        assert after[1].bias.detach().allclose(before[1].bias - 0.2 * 1.85)

    def test_unit_filters_have_norm_one(self) -> None:
        _, after = one_step(trainer(optimizer="muon", unit_filters=True, weight_decay=0.1))
        for layer in (after[0], after[3]):
            assert layer.weight.detach().flatten(1).norm(dim=1).allclose(torch.ones(8))
        assert not after[7].weight.detach().norm(dim=1).allclose(torch.ones(12))


def test_lower_layers_of_a_backbone_learn_the_slower(store: WeightsStore) -> None:
    chosen = candidate("transfer", optimizer="sgd", momentum=0.0, weight_decay=0.1)
    classes = InputContract(height=32, width=32, mean=(0.5,) * 3, std=(0.2,) * 3, class_names=("a", "b"))
    net = build(chosen.recipe.model, classes, seed=1, weights=store)
    assert isinstance(net, TransferNet)
    net.unfreeze("2")
    optimizer = make_optimizer(net, chosen.trainer, 0.1, layer_decay=0.5)
    names = {parameter: name for name, parameter in net.named_parameters()}
    rates = {names[p]: group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rates.keys() == {name for name, parameter in net.named_parameters() if parameter.requires_grad}
    assert rates == {name: 0.1 * 0.5 ** net.depth(name) for name in rates}
    few = {"head.classifier.weight": 0.1, "backbone.3.conv2.weight": 0.05, "backbone.2.conv2.weight": 0.025}
    assert few.items() <= rates.items()
    set_rate(optimizer, 0.2)
    assert all(group["lr"] == 0.2 * group["factor"] for group in optimizer.param_groups)
