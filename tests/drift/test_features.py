"""Features of networks: the input of the last layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from podium.contract import InputContract
from podium.drift.features import BACKBONE, backbone_features
from podium.errors import DataError, RegistryError
from podium.models import EMBEDDED_WEIGHTS, FAMILIES, build
from podium.training import predict_probabilities
from podium.training.features import penultimate_features
from tests.training.helpers import MODELS

CONTRACT = InputContract(height=16, width=16, mean=(0.4, 0.4, 0.4), std=(0.2, 0.2, 0.2), class_names=("a", "b", "c"))
IMAGES = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("model", ["simple", "blocks", "resnet"])
def test_the_last_layer_makes_the_logits_of_them(model: str) -> None:
    net = build(MODELS[model], CONTRACT, seed=1).eval().requires_grad_(False)
    features, logits = penultimate_features(net, IMAGES, CONTRACT, batch_size=4)
    last = [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
    assert features.shape == (10, last.in_features)
    assert last(torch.from_numpy(features)).numpy() == pytest.approx(logits, abs=1e-5)
    expected = predict_probabilities(net, IMAGES, CONTRACT)
    assert torch.from_numpy(logits).softmax(1).numpy() == pytest.approx(expected, abs=1e-5)
    assert not any(module._forward_pre_hooks for module in net.modules()), "the hook is gone"


def test_every_family_ends_with_a_dense_layer() -> None:
    assert {MODELS[name].family for name in MODELS} == set(FAMILIES)


def test_images_that_break_the_contract_are_refused() -> None:
    net = build(MODELS["simple"], CONTRACT, seed=1).eval()
    with pytest.raises(DataError, match="input contract"):
        penultimate_features(net, IMAGES[:, :8], CONTRACT)
    with pytest.raises(RegistryError, match="no dense layer"):
        penultimate_features(nn.Sequential(nn.Conv2d(3, 3, 1)), IMAGES, CONTRACT)


def test_the_backbone_gives_one_value_a_channel() -> None:
    source = backbone_features(EMBEDDED_WEIGHTS)
    images = np.random.default_rng(0).integers(0, 256, (3, *source.size, 3), dtype=np.uint8)
    found = source.extract(images)
    assert found.vectors.shape == (3, 64)
    assert found.predicted is None
    assert BACKBONE in source.title
    assert np.ptp(found.vectors, axis=0).max() > 0
