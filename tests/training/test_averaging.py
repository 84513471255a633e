"""The moving average of the weights."""

from __future__ import annotations

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from podium.config import AveragingConfig
from podium.training.averaging import Averager

pytestmark = pytest.mark.usefixtures("one_thread")


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def jolt(net: nn.Module, step: int) -> None:
    """Change every tensor of the network, as a step of training does."""
    generator = torch.Generator().manual_seed(step)
    for parameter in net.parameters():
        parameter.data += torch.randn(parameter.shape, generator=generator)
    net(torch.randn(8, 3, 6, 6, generator=generator))


def state(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


@pytest.mark.parametrize("every", [1, 3])
def test_it_is_the_exponential_moving_average_of_weights_and_statistics(every: int) -> None:
    net = network()
    averager = Averager(net, AveragingConfig(decay=0.8, every=every))
    expected = state(net)
    for step in range(1, 61):
        jolt(net, step)
        averager.update()
        if step % every == 0:
            kept = min(0.8, (1 + step) / (10 + step)) ** every
            expected = {name: kept * expected[name] + (1 - kept) * value for name, value in state(net).items()}
    own = state(net)
    with averager.applied():
        found = state(net)
    assert int(found["1.num_batches_tracked"]) == 60
    for name, value in found.items():
        if value.is_floating_point():
            assert value.allclose(expected[name], atol=1e-5), name
            assert not value.allclose(own[name], atol=1e-3), name


def test_the_network_gets_its_own_weights_back() -> None:
    net = network()
    averager = Averager(net, AveragingConfig(decay=0.5))
    jolt(net, 1)
    averager.update()
    before = state(net)
    with averager.applied():
        assert not torch.equal(net[0].weight, before["0.weight"])
    after = state(net)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last)
    averager.copy_to_network()
    assert not torch.equal(net[0].weight, before["0.weight"])


def test_going_on_from_saved_tensors_gives_the_same_bits() -> None:
    first, second = network(), network()
    second.load_state_dict(first.state_dict())
    config = AveragingConfig(decay=0.9, every=2)
    whole = Averager(first, config)
    for step in range(9):
        jolt(first, step)
        whole.update()
        if step == 4:
            tensors = {name: value.contiguous() for name, value in whole.tensors().items()}
            saved = safetensors.torch.save(tensors)
            weights = state(first)
    second.load_state_dict(weights)
    resumed = Averager(second, config)
    resumed.load(safetensors.torch.load(saved))
    for step in range(5, 9):
        jolt(second, step)
        resumed.update()
    assert resumed.steps == 9
    for name, value in whole.tensors().items():
        assert torch.equal(value, resumed.tensors()[name])


def test_early_on_it_follows_closely() -> None:
    net = network()
    averager = Averager(net, AveragingConfig(decay=0.9999))
    for parameter in net.parameters():
        parameter.data.fill_(5.0)
    for _ in range(40):
        averager.update()
    with averager.applied():
        assert net[0].weight.min() > 4.99
