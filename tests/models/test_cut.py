"""Where networks are cut above their frozen layers, and that the two parts are the network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.config import ModelConfig
from podium.models import skeleton
from podium.models.cut import HEAD, cut
from podium.models.transfer import TransferNet

from .helpers import contract

NETWORKS = [
    "test_efficientnet",
    "test_vit",
    *(
        pytest.param(n, marks=pytest.mark.slow)
        for n in ("test_resnet", "test_convnext", "test_mambaout", "test_byobnet")
    ),
]


def network(family: str, **options: Any) -> TransferNet:
    """With random values; BatchNorm's statistics are of random images."""
    net = skeleton(ModelConfig(family=family, options=options), contract())
    assert isinstance(net, TransferNet)
    net = net._apply(lambda value: torch.empty_like(value, device="cpu") if value.is_meta else value)
    generator = torch.Generator().manual_seed(1)
    for value in net.state_dict().values():
        if value.is_floating_point():
            nn.init.uniform_(value, -0.2, 0.3, generator=generator)
    for name, value in net.named_buffers():
        if "running_var" in name:
            value.fill_(1.0)
        if not value.is_floating_point():
            value.zero_()
    return net


def images() -> Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_parts_are_the_network(name: str, fraction: float) -> None:
    net = network("timm", weights=f"{name}.x", input_size=64)
    net.unfreeze(fraction)
    parts = cut(net, images())
    assert parts is not None
    with torch.no_grad():
        assert torch.equal(parts.upper(parts.lower(images())), net(images()))
    trained = {id(p) for p in net.parameters() if p.requires_grad}
    assert trained <= {id(p) for p in parts.upper.parameters()}, "above is all that is trained"


@pytest.mark.parametrize(
    ("first", "place"),
    [
        ("7", "backbone.7.conv1"),
        ("6.norm2", "backbone.6.conv1"),  # within a residual block, two tensors go up
        ("1.conv1", "backbone.1.conv1"),
    ],
)
def test_it_is_cut_at_the_highest_place(first: str, place: str) -> None:
    net = network("transfer", weights="small", depth=20, width=4)
    net.unfreeze(first)
    parts = cut(net, images())
    assert parts is not None
    assert parts.name == place


def test_features_go_up_where_the_whole_backbone_is_frozen() -> None:
    net = network("transfer", weights="small", depth=8, width=4)
    parts = cut(net, images())
    assert parts is not None
    assert (parts.name, parts.upper) == (HEAD, net.head)
    assert parts.lower(images()).shape == (3, 16)


def test_nothing_is_kept_where_the_first_layer_is_trained() -> None:
    net = network("transfer", weights="small", depth=8, width=4)
    net.unfreeze(1.0)
    assert cut(net, images()) is None


def test_no_place_is_found_where_two_tensors_go_up() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x)) * x

    net = TransferNet(nn.Identity(), Twice(), nn.Flatten(), nn.Linear(3 * 32 * 32, 2), groups={})
    net.unfreeze("second")
    assert cut(net, images()) is None


def test_a_layer_that_is_used_without_being_called_is_not_taken_for_frozen() -> None:
    class Uses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return functional.conv2d(self.first(x), self.second.weight)

    body = nn.Sequential(Uses(), nn.ReLU(), nn.Conv2d(4, 4, 3))
    net = TransferNet(nn.Identity(), body, nn.Flatten(), nn.Linear(4 * 26 * 26, 2), groups={})
    net.unfreeze("0.second")
    assert cut(net, images()) is None


@pytest.mark.slow
def test_densenet_is_cut_where_its_block_begins() -> None:
    net = network("timm", weights="densenet121.x", pooling="average")
    net.unfreeze("features.denseblock4.denselayer14.norm2")
    parts = cut(net, images())
    assert parts is not None
    assert parts.name.startswith("backbone.features.denseblock4.denselayer1.")
    assert parts.lower(images()).shape[1] == 512


@pytest.mark.slow
def test_what_a_backbone_keeps_in_evaluation_does_not_go_stale() -> None:
    """TinyViT keeps its attention biases, with their gradients."""
    net = network("timm", weights="tiny_vit_5m_224.x", input_size=224)
    net.unfreeze(0.3)
    optimizer = torch.optim.SGD((p for p in net.parameters() if p.requires_grad), 0.01)
    with torch.no_grad():
        net.eval()(images())
    net.train()
    for _ in range(2):
        optimizer.zero_grad()
        net(images()).square().mean().backward()
        optimizer.step()


def test_training_the_upper_part_trains_the_network() -> None:
    """Gradients, and statistics of the trained BatchNorm layers alone."""
    one, other = (network("transfer", weights="small", depth=20, width=4) for _ in range(2))
    for net in (one, other):
        net.unfreeze("7")
    parts = cut(other, images())
    assert parts is not None
    for net, given in ((one, one), (other, lambda x: parts.upper(parts.lower(x)))):
        net.train() if net is one else parts.upper.train()
        given(images()).square().mean().backward()
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        assert (a.grad is None) == (b.grad is None) == (not a.requires_grad), name
        assert a.grad is None or torch.equal(a.grad, b.grad), name
    assert all(torch.equal(a, b) for a, b in zip(one.buffers(), other.buffers(), strict=True))
    assert not torch.equal(other.get_buffer("backbone.9.norm1.running_mean"), torch.zeros(16))
    parts.upper.eval()
    assert not any(m.training for m in other.modules())
