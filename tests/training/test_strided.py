"""Layers that would be computed wrongly, or end the process, are rewritten."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from podium.training.strided import mend_strided


@pytest.mark.parametrize(
    ("conv", "mended"),
    [
        (nn.Conv2d(4, 8, 1, 2), 1),
        (nn.Conv2d(3, 8, 1, (1, 3), bias=False), 1),
        (nn.Conv2d(32, 64, 1, 2, groups=4), 1),
        (nn.Conv2d(16, 8, 1, 2), 0),
        (nn.Conv2d(4, 8, 1), 0),
        (nn.Conv2d(4, 8, 3, 2, padding=1), 0),
        (nn.Conv2d(4, 8, 1, 2, padding=1), 0),
    ],
)
def test_values_and_gradients_stay(conv: nn.Conv2d, mended: int) -> None:
    mine = copy.deepcopy(conv)
    assert mend_strided(mine) == mended
    assert mend_strided(mine) == 0, "once is enough"
    mine = copy.deepcopy(mine)
    images = torch.randn(2, conv.in_channels, 7, 9, dtype=torch.float64, requires_grad=True)
    results = []
    for layer in (conv.double(), mine.double()):
        images.grad = None
        out = layer(images)
        layer.zero_grad()
        out.square().sum().backward()
        results.append((out, images.grad, *(parameter.grad for parameter in layer.parameters())))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
    assert mine.state_dict().keys() == conv.state_dict().keys()


@pytest.mark.slow
def test_a_process_survives_its_gradients() -> None:
    """Unmended, the same lines crash, hang or are wrong with AVX2 (and pass where the processor has another path)."""
    script = """
import torch
from torch import nn
from podium.training.strided import mend_strided
torch.manual_seed(0)
for width in (3, 4, 7):
    net = nn.Sequential(nn.Conv2d(width, 8, 1, 2, bias=False)).to(memory_format=torch.channels_last)
    exact = nn.Conv2d(width, 8, 1, 2, bias=False).double()
    exact.load_state_dict(net[0].state_dict())
    assert mend_strided(net) == 1
    for _ in range(4):
        images = torch.randn(32, width, 16, 16).contiguous(memory_format=torch.channels_last)
        net.zero_grad()
        exact.zero_grad()
        net(images).square().sum().backward()
        exact(images.double()).square().sum().backward()
        torch.testing.assert_close(net[0].weight.grad.double(), exact.weight.grad, rtol=1e-3, atol=1e-2)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
