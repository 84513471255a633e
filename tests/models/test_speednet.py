"""Our own champion's network: whitening, start as the identity, sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from podium.config import ModelConfig
from podium.errors import ConfigError
from podium.models import FAMILIES, build
from podium.models.speednet import Block, SpeedNet

from .helpers import contract

PREPARE = FAMILIES["speednet"].prepare


def network(side: int = 16, seed: int = 1, **options: Any) -> SpeedNet:
    net = build(
        ModelConfig(family="speednet", options={"widths": [8, 16, 16], **options}), contract(3, side), seed=seed
    )
    assert isinstance(net, SpeedNet)
    return net


def smooth_images(count: int = 300, side: int = 16, seed: int = 0) -> torch.Tensor:
    """Neighbouring pixels and channels are alike, as in photographs; zero mean, unit variance."""
    noise = torch.randn(count, 3, side + 4, side + 4, generator=torch.Generator().manual_seed(seed))
    images = functional.avg_pool2d(noise + 2 * noise.mean(1, keepdim=True), 5, stride=1)
    return (images - images.mean()) / images.std()


class TestWhitening:
    def test_makes_channels_of_unit_variance_that_do_not_correlate(self) -> None:
        net, images = network(), smooth_images()
        assert PREPARE
        PREPARE(net, images)
        with torch.inference_mode():
            channels = functional.conv2d(images, net.whiten.weight).transpose(0, 1).reshape(24, -1).double()
        assert torch.equal(channels[:12], -channels[12:]), "the second half are the negatives"
        moments = channels[:12] @ channels[:12].T / channels.shape[1]
        values = torch.linalg.eigvalsh(patch_moments(images))
        assert moments.diagonal() == pytest.approx(values / (values + 5e-4), abs=1e-3)
        assert (moments - moments.diagonal().diag()).abs().max() < 1e-3

    def test_follows_from_the_images_alone(self) -> None:
        first, second = network(seed=1), network(seed=2)
        for net in (first, second):
            assert PREPARE
            PREPARE(net, smooth_images().to(memory_format=torch.channels_last))
        assert torch.equal(first.whiten.weight, second.whiten.weight)
        assert not torch.equal(first.head.weight, second.head.weight)

    def test_images_without_any_contrast_do_no_harm(self) -> None:
        net = network()
        assert PREPARE
        PREPARE(net, torch.zeros(10, 3, 16, 16))
        assert net.whiten.weight.isfinite().all()
        gray = smooth_images()[:, :1].expand(-1, 3, -1, -1)
        PREPARE(net, gray)
        assert net.whiten.weight.isfinite().all()
        assert functional.conv2d(gray, net.whiten.weight).abs().max() < 50, "directions without signal stay small"

    def test_is_not_trained_but_its_biases_are(self) -> None:
        net = network().train()
        net(smooth_images(8)).sum().backward()
        assert net.whiten.weight.grad is None
        assert net.whiten.bias is not None
        assert net.whiten.bias.grad is not None


def patch_moments(images: torch.Tensor) -> torch.Tensor:
    windows = images.unfold(2, 2, 1).unfold(3, 2, 1)  # N×3×H×W×2×2
    patches = windows.permute(0, 2, 3, 1, 4, 5).reshape(-1, 12).double()
    return patches.T @ patches / len(patches)


def test_convolutions_start_by_passing_channels_on() -> None:
    net = network()
    x = torch.randn(2, 8, 6, 6)
    block = net.blocks[1]
    assert isinstance(block, Block)
    conv = block.conv1
    assert conv.in_channels == 8
    with torch.inference_mode():
        assert torch.equal(conv(x)[:, :8], x)
        assert not torch.equal(conv(x)[:, 8:], x)


def test_norm_scales_stay_one() -> None:
    net = network(convolutions=3)
    scales = [m.weight for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(scales) == 9
    assert all(torch.equal(scale, torch.ones_like(scale)) and not scale.requires_grad for scale in scales)


def test_three_convolutions_are_residual() -> None:
    """With the last two giving nothing, a block passes on what its first made."""
    block = network(convolutions=3).eval().blocks[0]
    assert isinstance(block, Block)
    assert block.conv3 is not None
    x = torch.randn(2, 24, 8, 8)
    with torch.inference_mode():
        first = functional.gelu(block.norm1(block.pool(block.conv1(x))))
        block.conv3.weight.zero_()
        assert torch.allclose(block(x), functional.gelu(first))


def test_logits_are_scaled() -> None:
    images = smooth_images(4)
    with torch.inference_mode():
        assert torch.allclose(network(scale=0.5).eval()(images), network(scale=1.0).eval()(images) / 2)


@pytest.mark.parametrize("side", [2, 3, 8, 9, 15, 16, 31])
@pytest.mark.parametrize("convolutions", [2, 3])
def test_small_and_odd_sizes_work(side: int, convolutions: int) -> None:
    net = network(side, convolutions=convolutions).train()
    images = smooth_images(6, side)
    assert PREPARE
    PREPARE(net, images)
    assert net(images).isfinite().all()


def test_images_smaller_than_a_patch_are_refused() -> None:
    with pytest.raises(ConfigError, match="hold no patch"):
        network(1)
