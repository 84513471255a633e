"""Networks on kernels compute what they compute on torch's layers."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from torch import Tensor, nn

from podium.kernels import install, kernels, prepared
from podium.kernels.context import in_use
from podium.kernels.install import Conv3x3
from podium.models import build, skeleton
from podium.models.layers import set_dropout_generator
from podium.models.max_pool import MaxPool
from podium.models.recipes import list_recipes, load_recipe
from tests.models.helpers import RECIPES, contract

LAST = torch.channels_last
OWN = [recipe.id for recipe in list_recipes(RECIPES) if recipe.model.family not in {"transfer", "timm"}]
"""Recipes from scratch; the networks of the others need weights."""


def small() -> nn.Sequential:
    layers = [nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(inplace=True), nn.BatchNorm2d(16), MaxPool()]
    layers += [nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(inplace=True), MaxPool(), nn.Flatten(), nn.Linear(256, 3)]
    return nn.Sequential(*layers).to(memory_format=LAST)  # type: ignore[call-overload, no-any-return]


def trained(net: nn.Module, images: Tensor, on: bool) -> list[Tensor]:
    """Logits, gradients and statistics of a step."""
    set_dropout_generator(net, torch.Generator().manual_seed(5))
    net.train()
    with kernels(on):
        logits: Tensor = net(images)
    g = torch.Generator().manual_seed(6)
    (logits * torch.randn(logits.shape, generator=g)).sum().backward()
    grads = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
    return [logits.detach(), *grads, *(value for value in net.buffers() if value.is_floating_point())]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", OWN)
def test_every_recipe_takes_the_same_step(recipe: str) -> None:
    chosen, about = load_recipe(recipe, RECIPES), contract(32)
    net = build(chosen.model, about, seed=1).to(memory_format=LAST)  # type: ignore[call-overload]
    other = copy.deepcopy(net)
    names = list(net.state_dict())
    assert install(net) > 0
    assert prepared(net)
    assert list(net.state_dict()) == names
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(2)).contiguous(memory_format=LAST)
    found, expected = trained(net, images, True), trained(other, images, False)
    assert len(found) == len(expected)
    # Where two values are nearly the same, rounding decides which is the greater, and which way a gradient goes: so
    # single values may differ, their sum hardly.
    for one, two in zip(found, expected, strict=True):
        assert (one - two).norm() <= 0.1 * two.norm() + 1e-6
    assert (found[0] - expected[0]).norm() <= 1e-4 * expected[0].norm()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", OWN)
def test_every_recipe_answers_the_same(recipe: str) -> None:
    chosen, about = load_recipe(recipe, RECIPES), contract(32)
    net = build(chosen.model, about, seed=1).to(memory_format=LAST).eval()  # type: ignore[call-overload]
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(2)).contiguous(memory_format=LAST)
    with torch.no_grad():
        expected = net(images)
        install(net)
        assert torch.equal(net(images), expected)
        with kernels():
            assert (net(images) - expected).norm() <= 1e-4 * expected.norm()


def test_without_being_asked_layers_are_torchs_to_the_bit() -> None:
    net, images = small(), torch.randn(9, 8, 16, 16).contiguous(memory_format=LAST)
    other = copy.deepcopy(net)
    assert install(net) == 4
    assert install(net) == 0  # nothing is left
    for one, two in zip(trained(net, images, False), trained(other, images, False), strict=True):
        assert torch.equal(one, two)


def test_a_network_can_be_copied_and_saved() -> None:
    net = small()
    install(net)
    other = copy.deepcopy(net)
    other.load_state_dict(net.state_dict())
    images = torch.randn(9, 8, 16, 16)
    assert all(torch.equal(a, b) for a, b in zip(trained(net, images, True), trained(other, images, True), strict=True))


def test_the_context_is_of_a_thread_and_ends() -> None:
    seen: list[bool] = []
    with kernels():
        thread = threading.Thread(target=lambda: seen.append(in_use()))
        thread.start()
        thread.join()
        seen.append(in_use())
        with kernels(False):
            seen.append(in_use())
    assert [*seen, in_use()] == [False, True, False, False]


def test_pooling_that_rounds_up_keeps_its_relu() -> None:
    net = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), MaxPool(ceil_mode=True))
    install(net)
    other = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), MaxPool(ceil_mode=True))
    images = torch.randn(3, 8, 5, 5)
    with kernels():
        assert torch.allclose(net(images), other(images), atol=1e-5)


def test_a_networks_first_block_is_one_step() -> None:
    layers = [nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(inplace=True), nn.BatchNorm2d(16), MaxPool(), nn.Flatten()]
    net = nn.Sequential(*layers).to(memory_format=LAST)  # type: ignore[call-overload]
    names = list(net.state_dict())
    assert install(net) == 2
    assert list(net.state_dict()) == names
    assert len(list(net.modules())) == 6
    copied = copy.deepcopy(net)
    with torch.no_grad():
        net[0].weight.zero_()  # the copy's norm goes with the copy's convolution
    images = torch.randn(4, 3, 8, 8)
    with kernels():
        pooled = copied[:4](images)
    assert pooled.grad_fn.name() == "_FirstBackward"
    assert torch.allclose(pooled, copied[:4](images), atol=1e-5)


def test_what_may_be_cut_in_two_keeps_its_neighbours_apart() -> None:
    net = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), MaxPool())
    assert install(net, whole=False) == 2
    images = torch.randn(9, 8, 16, 16)
    features = net[:2](images)
    with kernels():
        assert torch.equal(net[2:](features), nn.Sequential(nn.ReLU(), MaxPool())(features))


def test_layers_of_other_kinds_are_left_alone() -> None:
    class Mine(nn.Conv2d):
        pass

    net = nn.Sequential(Mine(8, 8, 3), nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 3)), nn.ReLU())
    assert install(net) == 0
    assert not prepared(net)
    assert not any(isinstance(module, Conv3x3) for module in net.modules())
    assert install(skeleton(load_recipe("simple_cnn", RECIPES).model, contract(32))) > 0


@pytest.mark.parametrize("after", [nn.BatchNorm2d(16), nn.Flatten()], ids=["normalized", "alone"])
def test_images_that_are_too_small_are_refused_as_by_torch(after: nn.Module) -> None:
    net = nn.Sequential(nn.Conv2d(3, 16, 3), after).train()
    assert install(net)
    with kernels(True), pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        net(torch.rand(2, 3, 2, 2))


def test_second_derivatives_are_refused_not_wrong() -> None:
    net = small().train()
    install(net)
    images = torch.rand(8, 8, 16, 16).contiguous(memory_format=LAST).requires_grad_()
    with kernels(True):
        [slope] = torch.autograd.grad(net(images).sum(), images, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        slope.square().sum().backward()
