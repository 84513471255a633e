"""Winograd's convolutions against torch's in double precision."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.kernels import toom_cook, winograd
from podium.kernels.winograd import conv3x3, pays, suits, tile_for

LAST = torch.channels_last
SHAPES = [
    # images, channels in and out, height, width, padding
    (5, 32, 64, 16, 16, 1),
    (3, 24, 64, 31, 31, 1),  # sides that tiles do not divide, a panel of 24 columns
    (4, 64, 32, 15, 13, 0),
    (9, 40, 72, 17, 6, 1),  # half a panel at the end, an edge of rows
    (7, 16, 16, 3, 3, 1),
    (1, 8, 8, 5, 4, 0),
    (30, 16, 24, 9, 10, 1),  # several rounds, the last one smaller
]
ERRORS = {3: 2e-6, 4: 1e-5, 5: 2e-5, 6: 2e-5, 7: 1e-4, 8: 3e-4}
"""Greatest difference, of the greatest value, of each tile."""


def tensors(shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    n, c, k, h, w, padding = shape
    g = torch.Generator().manual_seed(1)
    x, weight = torch.randn(n, c, h, w, generator=g), torch.randn(k, c, 3, 3, generator=g) / (9 * c) ** 0.5
    grad = torch.randn(n, k, h + 2 * padding - 2, w + 2 * padding - 2, generator=g)
    return x, weight, torch.randn(k, generator=g), grad


def gradients(function: object, *inputs: Tensor | None, padding: int, grad: Tensor) -> list[Tensor | None]:
    """The result, and the gradients of all inputs."""
    leaves = [None if value is None else value.clone().requires_grad_() for value in inputs]
    y = function(*leaves, padding)  # type: ignore[operator]
    y.backward(grad)
    return [y.detach(), *(None if leaf is None else leaf.grad for leaf in leaves)]


def exact(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    return functional.conv2d(x, weight, bias, 1, padding)


@pytest.fixture(
    params=[pytest.param(tile, marks=() if tile in {4, 7} else pytest.mark.slow) for tile in toom_cook.PAIRS]
)
def tile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """All convolutions take tiles of this size."""
    chosen = int(request.param)
    monkeypatch.setattr(winograd, "tile_for", lambda *_: chosen)
    return chosen


def off(value: Tensor | None, truth: Tensor | None) -> float:
    """Greatest difference, of the greatest value."""
    assert value is not None
    assert truth is not None
    assert value.shape == truth.shape
    return float((value.double() - truth).abs().max() / truth.abs().max())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("threads", [1, 2])
def test_values_and_gradients(shape: tuple[int, ...], threads: int, lanes: int, tile: int) -> None:
    *inputs, grad = tensors(shape)
    layout = LAST if threads == 2 else torch.contiguous_format
    torch.set_num_threads(threads)
    try:
        laid = [value.contiguous(memory_format=layout) if value.ndim == 4 else value for value in inputs]
        found = gradients(conv3x3, *laid, padding=shape[-1], grad=grad.contiguous(memory_format=layout))
    finally:
        torch.set_num_threads(1)
    truth = gradients(exact, *(value.double() for value in inputs), padding=shape[-1], grad=grad.double())
    assert max(off(value, expected) for value, expected in zip(found, truth, strict=True)) < ERRORS[tile]
    assert found[0] is not None
    assert found[0].is_contiguous(memory_format=LAST)


@pytest.mark.parametrize("most", [1, 60_000])
def test_weights_in_slices(most: int, lanes: int, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    *inputs, grad = tensors((30, 40, 72, 9, 10, 1))
    expected = gradients(conv3x3, *inputs, padding=1, grad=grad)
    monkeypatch.setattr(winograd, "MOST", most)
    for found, whole in zip(gradients(conv3x3, *inputs, padding=1, grad=grad), expected, strict=True):
        assert whole is not None
        assert off(found, whole.double()) < 1e-6 * tile**2


def test_a_layer_without_bias_or_with_frozen_parts() -> None:
    x, weight, _, grad = tensors(SHAPES[0])
    found = gradients(conv3x3, x, weight, None, padding=1, grad=grad)
    truth = gradients(exact, x, weight, None, padding=1, grad=grad)
    for value, expected in zip(found, truth, strict=True):
        assert value is None or off(value, expected.double() if expected is not None else None) < 3e-4
    weight.requires_grad_()
    conv3x3(x, weight, None, 1).backward(grad)
    assert weight.grad is not None
    assert off(weight.grad, truth[2].double() if truth[2] is not None else None) < 3e-4
    assert x.grad is None


def test_the_same_bits_however_often(lanes: int) -> None:
    *inputs, grad = tensors(SHAPES[1])
    torch.set_num_threads(2)
    try:
        found = [gradients(conv3x3, *inputs, padding=1, grad=grad) for _ in range(3)]
    finally:
        torch.set_num_threads(1)
    for one, other in pairwise(found):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None)


def test_what_is_not_finite_stays_so() -> None:
    x, weight, bias, _ = tensors(SHAPES[0])
    x[0, 3, 5, 5] = torch.nan
    y = conv3x3(x, weight, bias, 1)
    assert y[0, :, 5, 5].isnan().all()
    assert y[1:].isfinite().all()


@pytest.mark.parametrize(
    ("layer", "fits"),
    [
        (nn.Conv2d(16, 32, 3, padding=1), True),
        (nn.Conv2d(16, 32, 3), True),
        (nn.Conv2d(16, 32, 3, padding="same"), False),
        (nn.Conv2d(3, 32, 3, padding=1), False),
        (nn.Conv2d(16, 20, 3), False),
        (nn.Conv2d(16, 32, 3, stride=2), False),
        (nn.Conv2d(16, 32, 3, dilation=2), False),
        (nn.Conv2d(16, 32, 3, groups=2), False),
        (nn.Conv2d(16, 32, 3, padding=2), False),
        (nn.Conv2d(16, 32, 3, padding=1, padding_mode="reflect"), False),
        (nn.Conv2d(16, 32, 5, padding=1), False),
    ],
    ids=str,
)
def test_which_layers_it_suits(layer: nn.Conv2d, fits: bool) -> None:
    assert suits(layer) == fits


def test_small_maps_and_batches_are_left_to_torch() -> None:
    assert pays(torch.empty(64, 8, 16, 16), 1)
    assert pays(torch.empty(64, 8, 4, 4), 1)
    assert pays(torch.empty(125, 8, 3, 3), 1)
    assert not pays(torch.empty(500, 8, 2, 2), 1)
    assert not pays(torch.empty(1, 8, 8, 8), 1)
    assert not pays(torch.empty(500, 8, 2, 2), 0)  # no result at all
    assert not pays(torch.empty(64, 8, 16, 16, dtype=torch.bfloat16), 1)
    assert not pays(torch.empty(64, 8, 16, 16, device="meta"), 1)


def test_tiles_fit_the_map_and_few_images_take_small_ones() -> None:
    sides = {3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 12: 6, 15: 8, 16: 8, 31: 8, 32: 8}
    assert {side: tile_for(125, side, side) for side in sides} == sides
    assert tile_for(8, 8, 8) == 4
