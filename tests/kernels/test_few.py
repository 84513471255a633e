"""The gradients of a network's first layer against torch's in double precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.kernels.few import conv3x3_few, pays, suits

SHAPES = [(5, 3, 32, 16, 16, 1), (3, 1, 64, 9, 7, 1), (4, 4, 24, 11, 6, 0), (1, 3, 8, 3, 3, 0)]
"""Images, channels in and out, height, width, padding."""


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("biased", [True, False])
def test_gradients(shape: tuple[int, ...], threads: int, biased: bool, lanes: int) -> None:
    n, c, k, h, w, padding = shape
    g = torch.Generator().manual_seed(1)
    x, weight = torch.randn(n, c, h, w, generator=g), torch.randn(k, c, 3, 3, generator=g)
    bias = torch.randn(k, generator=g) if biased else None
    grad = torch.randn(n, k, h + 2 * padding - 2, w + 2 * padding - 2, generator=g)

    def gradients(function: object, dtype: torch.dtype) -> list[Tensor | None]:
        leaves = [None if value is None else value.to(dtype, copy=True).requires_grad_() for value in (weight, bias)]
        y = function(x.to(dtype), *leaves, padding)  # type: ignore[operator]
        y.backward(grad.to(dtype))
        return [y.detach(), *(None if leaf is None else leaf.grad for leaf in leaves)]

    torch.set_num_threads(threads)
    try:
        found = gradients(conv3x3_few, torch.float32)
        again = gradients(conv3x3_few, torch.float32)
    finally:
        torch.set_num_threads(1)
    truth = gradients(lambda x, weight, bias, p: functional.conv2d(x, weight, bias, 1, p), torch.float64)
    for value, same, expected in zip(found, again, truth, strict=True):
        if value is None or same is None or expected is None:
            assert value is expected
            continue
        assert torch.equal(value, same)
        assert value.shape == expected.shape
        assert (value.double() - expected).abs().max() < 2e-6 * expected.abs().max()


@pytest.mark.parametrize(
    ("layer", "fits"),
    [
        (nn.Conv2d(3, 32, 3, padding=1), True),
        (nn.Conv2d(1, 32, 3), True),
        (nn.Conv2d(5, 32, 3), False),
        (nn.Conv2d(3, 20, 3), False),
        (nn.Conv2d(3, 24, 2), False),
        (nn.Conv2d(3, 32, 3, stride=2), False),
    ],
    ids=str,
)
def test_which_layers_it_suits(layer: nn.Conv2d, fits: bool) -> None:
    assert suits(layer) == fits


def test_images_with_gradients_are_left_to_torch() -> None:
    images = torch.empty(2, 3, 8, 8)
    assert pays(images)
    assert not pays(images.double())
    with torch.no_grad():
        assert not pays(images)
    assert not pays(images.requires_grad_())
