"""BatchNorm with its neighbours against torch's layers in double precision."""

from __future__ import annotations

import copy
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from podium.kernels.norm import Around, norm2d

LAST = torch.channels_last
ALL = [Around(*choice) for choice in product([False, True], repeat=3)]
ALL += [Around(gelu_after=True), Around(relu_first=True, gelu_after=True)]


def layer(channels: int = 16) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=1e-3)
    g = torch.Generator().manual_seed(2)
    with torch.no_grad():
        norm.weight.uniform_(-1, 1, generator=g)
        norm.bias.normal_(generator=g)
        norm.running_mean.normal_(generator=g)  # type: ignore[union-attr]
    return norm


def images(n: int = 5, channels: int = 16, height: int = 6, width: int = 8) -> Tensor:
    x = torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(3)) * 2 + 1
    return x.contiguous(memory_format=LAST)


def torchs(norm: nn.BatchNorm2d, x: Tensor, around: Around) -> Tensor:
    first = [nn.ReLU()] if around.relu_first else []
    after: list[nn.Module] = [nn.ReLU()] if around.relu_after else [nn.GELU()] if around.gelu_after else []
    pool = [nn.MaxPool2d(2)] if around.pool else []
    result: Tensor = nn.Sequential(*first, norm, *after, *pool)(x)
    return result


def off(value: Tensor | None, truth: Tensor | None) -> float:
    assert value is not None
    assert truth is not None
    assert value.shape == truth.shape
    return float((value.double() - truth).abs().max() / truth.abs().max())


@pytest.mark.parametrize("around", ALL, ids=str)
@pytest.mark.parametrize("threads", [1, 2])
def test_values_gradients_and_running_statistics(around: Around, threads: int, lanes: int) -> None:
    norm = layer()
    truth = copy.deepcopy(norm).double()
    x, exact = images().requires_grad_(), images().double().requires_grad_()
    torch.set_num_threads(threads)
    try:
        y = norm2d(norm, x, around)
        grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(4))
        y.backward(grad)
    finally:
        torch.set_num_threads(1)
    expected = torchs(truth, exact, around)
    expected.backward(grad.double())
    assert y.is_contiguous(memory_format=LAST)
    pairs = [(y, expected), (x.grad, exact.grad)]
    pairs += [(a.grad, b.grad) for a, b in zip(norm.parameters(), truth.parameters(), strict=True)]
    pairs += [(norm.running_mean, truth.running_mean), (norm.running_var, truth.running_var)]
    assert max(off(a, b) for a, b in pairs) < 2e-6
    assert norm.num_batches_tracked == truth.num_batches_tracked == 1


@pytest.mark.parametrize("around", ALL, ids=str)
def test_evaluation(around: Around, lanes: int) -> None:
    norm = layer().eval()
    before = copy.deepcopy(norm.state_dict())
    with torch.no_grad():
        y = norm2d(norm, images(), around)
    assert off(y, torchs(copy.deepcopy(norm).double(), images().double(), around)) < 2e-6
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


@pytest.mark.parametrize("training", [True, False])
def test_what_the_kernels_are_not_made_for_is_torchs(training: bool) -> None:
    around = Around(relu_first=True, relu_after=True, pool=True)
    for norm, x in [
        (layer(12), images(channels=12)),
        (layer(), images(height=5, width=7)),
        (layer().double(), images().double()),
        (nn.BatchNorm2d(16, affine=False), images()),
        (nn.BatchNorm2d(16, momentum=None), images()),
        (nn.BatchNorm2d(16, track_running_stats=False), images()),
    ]:
        norm.train(training)
        other = copy.deepcopy(norm)
        assert torch.equal(norm2d(norm, x, around), torchs(other, x, around))
        for name, value in norm.state_dict().items():
            assert torch.equal(value, other.state_dict()[name])


def test_gradients_in_evaluation_are_torchs() -> None:
    norm, x = layer().eval(), images().requires_grad_()
    other = images().requires_grad_()
    norm2d(norm, x, Around(relu_after=True)).sum().backward()
    torchs(norm, other, Around(relu_after=True)).sum().backward()
    assert x.grad is not None
    assert other.grad is not None
    assert torch.equal(x.grad, other.grad)


def test_one_value_a_channel_is_refused_as_in_torch() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        norm2d(layer(), images(n=1, height=1, width=1), Around())


def test_a_channel_that_never_varies() -> None:
    norm, x = layer(), images()
    x[:, 3] = 2.0
    x[:, 4] = -2.0  # nothing is left after the ReLU
    x.requires_grad_()
    y = norm2d(norm, x, Around(relu_first=True))
    y.sum().backward()
    assert torch.allclose(y[:, 3], norm.bias[3].detach(), atol=1e-6)
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert not x.grad[:, 4].any()


@pytest.mark.parametrize("around", ALL, ids=str)
def test_what_is_no_number_stays_none(around: Around) -> None:
    x = images()
    x[2, 5, 3, 3] = torch.nan
    y = norm2d(layer(), x, around)
    assert y[:, 5].isnan().all()
    assert y[:, 6].isfinite().all()


@pytest.mark.parametrize("place", range(4))
def test_nor_does_it_in_evaluation(place: int) -> None:
    norm, x = layer().eval(), images()
    x[2, 5, 2 + place // 2, 4 + place % 2] = torch.nan
    with torch.no_grad():
        y = norm2d(norm, x, Around(relu_first=True, pool=True))
    assert y[2, 5, 1, 2].isnan()
    assert y.isnan().sum() == 1


def test_statistics_hold_far_from_zero() -> None:
    """Sums of squares alone would lose the variance here; the running mean is near after a few steps."""
    norm, x = layer(), images() + 1000
    truth = copy.deepcopy(norm).double()
    for _ in range(60):
        y, expected = norm2d(norm, x, Around()), truth(x.double())
    assert off(y, expected) < 1e-3


def test_gelu_is_right_everywhere(lanes: int) -> None:
    """With statistics that change nothing, values from -100 to 100 reach GELU as they are."""
    norm = nn.BatchNorm2d(16, eps=0).eval()
    values = torch.cat([torch.linspace(-100, 100, 4096), torch.linspace(-6, 6, 4096)]).view(2, 16, 16, 16)
    with torch.no_grad():
        y = norm2d(norm, values, Around(gelu_after=True))
    truth = nn.functional.gelu(values.double())
    assert ((y.double() - truth).abs() <= 3e-7 * values.abs() + 1e-9).all()
