"""Mixup: images and targets of a batch blended."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from podium.config import AugmentConfig
from podium.training.augment import mix

pytestmark = pytest.mark.usefixtures("one_thread")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class TestMixup:
    def mixed(self, alpha: float, count: int = 4000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        labels = torch.arange(count) % 5
        pictures = functional.one_hot(labels, 5).float()[:, :3, None, None].expand(-1, -1, 2, 2)
        return (labels, *mix(pictures, labels, 5, AugmentConfig(mixup=alpha), generator()))

    def test_targets_are_mixed_as_the_images(self) -> None:
        labels, pictures, targets = self.mixed(0.4)
        assert pictures.dtype == targets.dtype == torch.float32
        assert targets.sum(1).allclose(torch.ones(len(labels)))
        assert pictures.allclose(targets[:, :3, None, None].expand(-1, -1, 2, 2), atol=1e-6)
        assert ((targets > 0).sum(1) <= 2).all()

    @pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 4.0])
    def test_shares_have_the_beta_distribution(self, alpha: float) -> None:
        share = self.shares(alpha)
        assert abs(share.mean() - 0.5) < 0.04
        assert abs(share.var() - 1 / (4 * (2 * alpha + 1))) < 0.01

    def shares(self, alpha: float) -> torch.Tensor:
        count = 2500
        pictures = torch.arange(count).float()[:, None, None, None].expand(-1, 3, 1, 1).contiguous()
        _, targets = mix(pictures, torch.arange(count), count, AugmentConfig(mixup=alpha), generator(1))
        return targets.diagonal().double()

    def test_without_it_nothing_changes(self) -> None:
        pictures, labels = torch.rand(4, 3, 2, 2), torch.arange(4)
        assert mix(pictures, labels, 4, AugmentConfig(), generator()) == (pictures, labels)

    def test_type_and_memory_layout_are_kept(self) -> None:
        pictures = torch.rand(4, 3, 5, 6).to(torch.bfloat16).to(memory_format=torch.channels_last)
        mixed, _ = mix(pictures, torch.arange(4), 4, AugmentConfig(mixup=0.5), generator())
        assert mixed.dtype == torch.bfloat16
        assert mixed.is_contiguous(memory_format=torch.channels_last)
