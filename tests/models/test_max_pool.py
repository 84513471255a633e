"""Max pooling that keeps places instead of images: the same numbers from less memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from podium.models.max_pool import MaxPool

from .helpers import saved_bytes

LAYOUTS = [torch.contiguous_format, torch.channels_last]


def images(shape: tuple[int, ...], layout: torch.memory_format, dtype: torch.dtype) -> Tensor:
    """Few different values, so that a window has several maxima."""
    values = torch.randint(-3, 4, shape, generator=torch.Generator().manual_seed(1))
    return values.to(dtype).to(memory_format=layout).requires_grad_()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("ceil_mode", [True, False])
@pytest.mark.parametrize("side", [2, 7, 32])
def test_gives_the_bits_of_torchs_own(
    layout: torch.memory_format, dtype: torch.dtype, ceil_mode: bool, side: int
) -> None:
    x, y = (images((3, 5, side, side), layout, dtype) for _ in range(2))
    first, second = MaxPool(ceil_mode=ceil_mode)(x), nn.MaxPool2d(2, ceil_mode=ceil_mode)(y)
    assert torch.equal(first, second)
    assert first.stride() == second.stride()
    coefficients = torch.randn(first.shape, generator=torch.Generator().manual_seed(2)).to(dtype)
    (first * coefficients).sum().backward()
    (second * coefficients).sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    assert torch.equal(x.grad, y.grad)
    assert x.grad.stride() == y.grad.stride()


def test_keeps_an_eighth_of_the_images() -> None:
    """One int16 for four floats; torch's own keeps these and an int64."""
    x = torch.randn(16, 8, 32, 32, requires_grad=True)
    assert saved_bytes(lambda: MaxPool()(x)) == x.nbytes / 8
    assert saved_bytes(lambda: nn.MaxPool2d(2)(x)) == x.nbytes * 1.5


def test_places_beyond_int16_are_kept_right() -> None:
    x = torch.zeros(1, 1, 256, 256, requires_grad=True)
    with torch.no_grad():
        x[0, 0, 255, 255] = 1
    MaxPool()(x).amax().backward()
    assert x.grad is not None
    assert x.grad.nonzero().tolist() == [[0, 0, 255, 255]]


def test_without_gradients_nothing_is_kept() -> None:
    with torch.inference_mode():
        assert MaxPool()(torch.arange(16.0).reshape(1, 1, 4, 4)).flatten().tolist() == [5, 7, 13, 15]
