"""Averaging over views: what is averaged, when, and that a trained network keeps it wherever it goes."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional

from podium.bundle import Bundle
from podium.config import Candidate, ModelConfig, RecipeConfig
from podium.contract import InputContract
from podium.errors import ConfigError
from podium.models import build
from podium.models.layers import set_dropout_generator
from podium.models.transfer import TransferNet
from podium.models.views import one_view
from podium.results import TrainingSummary
from podium.training.predict import build_from_bundle

from .helpers import contract

SMALL = {"filters": [4, 8], "dense": 8}
IMAGES = torch.randn(5, 3, 12, 10, generator=torch.Generator().manual_seed(0))


def given() -> InputContract:
    return contract(3).model_copy(update={"height": 12, "width": 10})


def network(views: int) -> torch.nn.Module:
    model = ModelConfig(family="cnn_blocks", options=SMALL, views=views)
    return build(model, given(), seed=1).eval()


def expected(views: int) -> torch.Tensor:
    """By the definition: one network call a view."""
    net = network(1)
    padded = functional.pad(IMAGES, (1, 1, 1, 1), mode="reflect")
    up_left, down_right = padded[:, :, :-2, :-2], padded[:, :, 2:, 2:]
    weights = {1: [(1.0, IMAGES)], 2: [(0.5, IMAGES), (0.5, IMAGES.flip(3))]}
    weights[6] = [(0.25, IMAGES), (0.25, IMAGES.flip(3))]
    weights[6] += [(0.125, view) for shifted in (up_left, down_right) for view in (shifted, shifted.flip(3))]
    return torch.stack([weight * net(view) for weight, view in weights[views]]).sum(0)


@pytest.mark.parametrize("views", [1, 2, 6])
class TestViews:
    def test_logits_are_the_weighted_mean_over_views(self, views: int) -> None:
        with torch.inference_mode():
            assert torch.allclose(network(views)(IMAGES), expected(views), atol=1e-6)

    def test_keys_and_values_of_the_state_dict_stay(self, views: int) -> None:
        plain, averaging = network(1).state_dict(), network(views).state_dict()
        assert list(plain) == list(averaging)
        assert all(torch.equal(plain[key], averaging[key]) for key in plain)

    def test_training_sees_the_image_alone(self, views: int) -> None:
        logits = []
        for net in (network(1), network(views)):
            net.train()
            set_dropout_generator(net, torch.Generator().manual_seed(4))
            logits.append(net(IMAGES))
        assert torch.equal(*logits)

    def test_one_view_is_the_image_alone(self, views: int) -> None:
        net = network(views)
        with torch.inference_mode():
            with one_view(net):
                assert torch.equal(net(IMAGES), network(1)(IMAGES))
            assert torch.allclose(net(IMAGES), expected(views), atol=1e-6)

    def test_a_bundle_and_a_copy_predict_as_the_network(self, views: int) -> None:
        net = network(views)
        model = ModelConfig(family="cnn_blocks", options=SMALL, views=views)
        candidate = Candidate(name="x", recipe=RecipeConfig(id="x", source="test", model=model))
        summary = TrainingSummary.model_construct()  # type: ignore[call-arg]
        rebuilt = build_from_bundle(Bundle(candidate, given(), "0", net.state_dict(), summary))
        with torch.inference_mode():
            assert torch.equal(rebuilt(IMAGES), net(IMAGES))
            assert torch.equal(copy.deepcopy(net)(IMAGES), net(IMAGES))


def test_a_mirrored_image_gets_the_same_answer() -> None:
    with torch.inference_mode():
        assert torch.allclose(network(2)(IMAGES), network(2)(IMAGES.flip(3)), atol=1e-6)
        assert not torch.allclose(network(1)(IMAGES), network(1)(IMAGES.flip(3)), atol=1e-3)


def test_a_transfer_network_is_still_one() -> None:
    from podium.models import EMBEDDED_WEIGHTS

    model = ModelConfig(family="transfer", options={"weights": "resnet20_tinyimagenet32"}, views=2)
    net = build(model, contract(3), seed=1, weights=EMBEDDED_WEIGHTS)
    assert isinstance(net, TransferNet)
    net.unfreeze(0.3)
    assert not net.train().get_submodule("backbone.0.norm").training
    with torch.inference_mode():
        assert net.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 3)


def test_images_whose_border_cannot_be_reflected_are_refused() -> None:
    model = ModelConfig(family="resnet", options={"depth": 8}, views=6)
    with pytest.raises(ConfigError, match="6 views need images of 2×2"):
        build(model, contract(3, 1), seed=1)
