"""A network's first layer, alone and with BatchNorm after it, against torch's in double precision."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.kernels.few import conv3x3_few, conv3x3_norm, pays, suits
from podium.kernels.norm import Around
from tests.kernels.test_norm import ALL, LAST, off, torchs
from tests.kernels.test_norm import layer as norms_layer

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


@pytest.mark.parametrize("around", ALL, ids=str)
@pytest.mark.parametrize(
    ("shape", "biased", "threads"),
    [((5, 3, 32, 16, 16, 1), True, 2), ((3, 1, 24, 8, 6, 0), False, 1), ((2, 4, 8, 10, 70, 1), True, 2)],
    ids=str,
)
def test_with_batch_norm(shape: tuple[int, ...], biased: bool, threads: int, around: Around, lanes: int) -> None:
    n, c, k, h, w, padding = shape
    torch.manual_seed(1)
    g = torch.Generator().manual_seed(1)
    conv, norm = nn.Conv2d(c, k, 3, padding=padding, bias=biased).to(memory_format=LAST), norms_layer(k)  # type: ignore[call-overload]
    exact, exact_norm = copy.deepcopy(conv).double(), copy.deepcopy(norm).double()
    x = torch.randn(n, c, h, w, generator=g)
    torch.set_num_threads(threads)
    try:
        y = conv3x3_norm(conv, norm, x, around)
        grad = torch.randn(y.shape, generator=g)
        y.backward(grad)
    finally:
        torch.set_num_threads(1)
    expected = torchs(exact_norm, exact(x.double()), around)
    expected.backward(grad.double())
    assert type(y.grad_fn).__name__ == "_FirstBackward"
    pairs = [(y.detach(), expected.detach()), (norm.running_mean, exact_norm.running_mean)]
    pairs.append((norm.running_var, exact_norm.running_var))
    pairs += [(a.grad, b.grad) for a, b in zip(norm.parameters(), exact_norm.parameters(), strict=True)]
    assert max(off(a, b) for a, b in [*pairs, (conv.weight.grad, exact.weight.grad)]) < 2e-5
    if conv.bias is not None and exact.bias is not None:  # zero but for rounding without a ReLU before
        assert conv.bias.grad is not None
        assert exact.bias.grad is not None
        assert (conv.bias.grad.double() - exact.bias.grad).abs().max() < 1e-5 * grad.abs().sum() / k
    assert norm.num_batches_tracked == 1


def test_with_batch_norm_what_is_not_made_for_it_is_computed_apart() -> None:
    conv, norm, around = nn.Conv2d(3, 16, 3), norms_layer(16), Around(relu_first=True, pool=True)
    x = torch.randn(2, 3, 7, 7)  # 5×5 results, which pooling cuts
    assert torch.allclose(conv3x3_norm(conv, norm, x, around), torchs(norms_layer(16), conv(x), around), atol=1e-5)
    norm.eval()
    x = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        assert torch.allclose(conv3x3_norm(conv, norm, x, around), torchs(norm, conv(x), around), atol=1e-5)


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
    assert pays(images, 1)
    assert not pays(images.double(), 1)
    with torch.no_grad():
        assert not pays(images, 1)
    assert not pays(images.requires_grad_(), 1)
