"""Max pooling gives the bits of torch's, and keeps a byte a maximum."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from podium.kernels.pool import max_pool, pays
from tests.models.helpers import saved_bytes

LAST = torch.channels_last


def images(n: int, c: int, h: int, w: int) -> Tensor:
    """Few different values, so that a window has several maxima."""
    values = torch.randint(-3, 4, (n, c, h, w), generator=torch.Generator().manual_seed(1)).float()
    return values.contiguous(memory_format=LAST)


@pytest.mark.parametrize("shape", [(3, 16, 8, 6), (2, 32, 31, 31), (1, 24, 2, 3), (5, 8, 7, 2)], ids=str)
@pytest.mark.parametrize("threads", [1, 2])
def test_gives_the_bits_of_torchs_own(shape: tuple[int, int, int, int], threads: int, lanes: int) -> None:
    x, other = images(*shape).requires_grad_(), images(*shape).requires_grad_()
    torch.set_num_threads(threads)
    try:
        y = max_pool(x)
        grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(2))
        y.backward(grad)
    finally:
        torch.set_num_threads(1)
    expected = functional.max_pool2d(other, 2)
    expected.backward(grad)
    assert torch.equal(y, expected)
    assert y.is_contiguous(memory_format=LAST)
    assert x.grad is not None
    assert other.grad is not None
    assert torch.equal(x.grad, other.grad)


def test_what_is_no_number_is_the_greatest_as_in_torch() -> None:
    x = images(2, 8, 4, 4)
    x[0, 0, 0, 1] = x[0, 0, 1, 0] = x[1, 3, 2, 2] = torch.nan
    one, other = x.clone(memory_format=torch.preserve_format).requires_grad_(), x.clone().requires_grad_()
    y, expected = max_pool(one), functional.max_pool2d(other, 2)
    assert torch.equal(y.isnan(), expected.isnan())
    assert torch.equal(y.nan_to_num(9), expected.nan_to_num(9))


def test_a_byte_is_kept_of_each_maximum() -> None:
    x = images(4, 16, 8, 8).requires_grad_()
    assert saved_bytes(lambda: max_pool(x)) == 4 * 16 * 4 * 4


def test_what_it_is_not_made_for() -> None:
    assert pays(images(1, 8, 2, 2))
    assert not pays(images(1, 8, 1, 4))
    assert not pays(images(1, 12, 4, 4))
    assert not pays(images(2, 8, 4, 4).double())
    assert not pays(torch.zeros(2, 8, 4, 4))  # channels come first
