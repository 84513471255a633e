"""BatchNorm and GELU in one: the same numbers from less memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.models.norm_gelu import norm_gelu

from .helpers import saved_bytes


def images(layout: torch.memory_format, dtype: torch.dtype = torch.float32) -> Tensor:
    values = torch.randn(8, 6, 5, 5, generator=torch.Generator().manual_seed(1)) * 2 + 1
    return values.to(dtype=dtype, memory_format=layout).requires_grad_()


def filled(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 2, 6))
        norm.bias.copy_(torch.linspace(-1, 1, 6))
    return norm


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scaled", [True, False])
def test_gives_the_bits_of_the_two_apart(layout: torch.memory_format, dtype: torch.dtype, scaled: bool) -> None:
    ours, theirs = filled(nn.BatchNorm2d(6, momentum=0.4)), filled(nn.BatchNorm2d(6, momentum=0.4))
    for norm in (ours, theirs):
        norm.weight.requires_grad_(scaled)
    x, y = images(layout, dtype), images(layout, dtype)
    first, second = norm_gelu(ours, x), functional.gelu(theirs(y))
    assert torch.equal(first, second)
    assert first.is_contiguous(memory_format=layout)
    coefficients = torch.randn(first.shape, generator=torch.Generator().manual_seed(2)).to(dtype)
    (first * coefficients).sum().backward()
    (second * coefficients).sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    assert torch.equal(x.grad, y.grad)
    for (name, a), (other, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == other
        assert (a.grad is None) == (b.grad is None) == (name == "weight" and not scaled)
        assert a.grad is None or b.grad is None or torch.equal(a.grad, b.grad)
    for (name, a), (other, b) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
        assert name == other
        assert torch.equal(a, b), name


def test_keeps_one_tensor_instead_of_two() -> None:
    x = torch.randn(64, 6, 16, 16, requires_grad=True)
    norm = nn.BatchNorm2d(6)
    assert saved_bytes(lambda: norm_gelu(norm, x)) == pytest.approx(x.nbytes, rel=0.01)
    assert saved_bytes(lambda: functional.gelu(norm(x))) == pytest.approx(2 * x.nbytes, rel=0.01)


def test_gradients_are_those_of_the_formula() -> None:
    norm = nn.BatchNorm2d(3).double()
    x = torch.randn(4, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: norm_gelu(norm, v), (x,))


def test_evaluation_uses_the_running_statistics() -> None:
    norm, plain = filled(nn.BatchNorm2d(6)).eval(), filled(nn.BatchNorm2d(6)).eval()
    x = images(torch.channels_last)
    assert torch.equal(norm_gelu(norm, x), functional.gelu(plain(x)))
    assert norm.num_batches_tracked == 0


def test_one_value_a_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        norm_gelu(nn.BatchNorm2d(6), torch.ones(1, 6, 1, 1))
