"""Images are resampled and normalized as torch does it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from podium.config import AugmentConfig
from podium.kernels import kernels
from podium.kernels.images import normalize, resample, wanted
from podium.training.augment import augment_batch

SHAPES = [(5, 8, 12), (7, 32, 32), (3, 33, 17), (1, 1, 1), (0, 4, 4)]
"""Images, height, width."""


def pictures(n: int, h: int, w: int) -> Tensor:
    return torch.randint(0, 256, (n, h, w, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def sampled(images: Tensor, maps: Tensor) -> Tensor:
    """float64, not rounded."""
    n, h, w, _ = images.shape
    grid = functional.affine_grid(maps.view(n, 2, 3).double(), [n, 3, h, w], align_corners=False)
    pixels = images.permute(0, 3, 1, 2).double()
    found = functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found.permute(0, 2, 3, 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("threads", [1, 2])
def test_resampling(shape: tuple[int, int, int], threads: int) -> None:
    images = pictures(*shape)
    maps = torch.randn(len(images), 6, generator=torch.Generator().manual_seed(2))
    torch.set_num_threads(threads)
    try:
        found = resample(images, maps)
    finally:
        torch.set_num_threads(1)
    assert found.dtype == torch.uint8
    assert found.shape == images.shape
    if len(images):  # half a unit by rounding, the rest by places in single precision
        assert (found.double() - sampled(images, maps)).abs().max() < 0.51


def test_the_same_place_gives_the_same_image() -> None:
    images = pictures(4, 9, 6)
    assert torch.equal(resample(images, torch.tensor([[1.0, 0, 0, 0, 1, 0]]).expand(4, 6)), images)


def test_mirrored_and_far_outside() -> None:
    images = pictures(2, 5, 7)
    mirror, away = torch.tensor([[-1.0, 0, 0, 0, 1, 0]]), torch.tensor([[1.0, 0, 1e9, 0, 1, -1e9]])
    assert torch.equal(resample(images, mirror.expand(2, 6)), images.flip(2))
    assert torch.equal(resample(images, away.expand(2, 6)), images[:, :1, -1:].expand_as(images))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("threads", [1, 2])
def test_normalizing(shape: tuple[int, int, int], threads: int) -> None:
    images, scale, bias = pictures(*shape), torch.tensor([0.5, -2.0, 3.25]), torch.tensor([1.0, 0.125, -7.0])
    torch.set_num_threads(threads)
    try:
        found = normalize(images, scale, bias)
    finally:
        torch.set_num_threads(1)
    assert torch.equal(found, images.float() * scale + bias)  # exact in single precision


def test_they_are_used_within_the_context_alone() -> None:
    images = pictures(2, 4, 4)
    assert not wanted(images)
    with kernels():
        assert wanted(images)
        assert not wanted(images.float())
        assert not wanted(images[0])


def test_augmented_images_are_torchs_but_for_rounding() -> None:
    images = pictures(50, 32, 32)
    config = AugmentConfig(rotation=15, zoom=0.2, shift=0.1, flip=True)
    by_torch = augment_batch(images, config, torch.Generator().manual_seed(3))
    with kernels():
        found = augment_batch(images, config, torch.Generator().manual_seed(3))
    off = (found.int() - by_torch.int()).abs()
    assert off.max() <= 1
    assert (off > 0).float().mean() < 1e-3
    assert not torch.equal(found, images)
