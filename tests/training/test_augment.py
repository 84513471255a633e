"""Properties of augmentation."""

from __future__ import annotations

import pytest
import torch

from podium.config import AugmentConfig
from podium.training import augment_batch

KINDS = {
    "flip": AugmentConfig(flip=True),
    "shift": AugmentConfig(shift=0.2),
    "rotation": AugmentConfig(rotation=20),
    "zoom": AugmentConfig(zoom=0.2),
    "all": AugmentConfig(flip=True, shift=0.1, rotation=15, zoom=0.1),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 16, height: int = 12, width: int = 20) -> torch.Tensor:
    return torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8, generator=generator(7))


def test_zero_strength_is_the_identity() -> None:
    batch = images()
    assert augment_batch(batch, AugmentConfig(), generator()) is batch


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_shape_type_and_input_are_kept(kind: str) -> None:
    batch = images()
    before = batch.clone()
    after = augment_batch(batch, KINDS[kind], generator())
    assert after.shape == batch.shape
    assert after.dtype == torch.uint8
    assert after.is_contiguous()
    assert torch.equal(batch, before)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_range_is_kept(kind: str) -> None:
    """Interpolation and borders invent no value outside those of the image."""
    batch = images().clamp(40, 200)
    after = augment_batch(batch, KINDS[kind], generator())
    assert after.min() >= 40
    assert after.max() <= 200


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_result_follows_from_the_generator(kind: str) -> None:
    first, again, other = (augment_batch(images(), KINDS[kind], generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_sample_is_drawn_on_its_own(kind: str) -> None:
    batch = images(1).expand(64, -1, -1, -1).contiguous()
    after = augment_batch(batch, KINDS[kind], generator())
    assert len(after.reshape(64, -1).unique(dim=0)) >= 2


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_global_generator_is_left_alone(kind: str) -> None:
    before = torch.get_rng_state()
    augment_batch(images(), KINDS[kind], generator())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_flip_is_the_mirror_image_or_nothing() -> None:
    batch = images(200)
    after = augment_batch(batch, KINDS["flip"], generator())
    mirrored = (after == batch.flip(2)).flatten(1).all(1)
    untouched = (after == batch).flatten(1).all(1)
    assert (mirrored ^ untouched).all()
    assert 60 < mirrored.sum() < 140


def test_a_shift_moves_whole_pixels_within_its_bound() -> None:
    batch = images(50, 20, 20)
    after = augment_batch(batch, AugmentConfig(shift=0.1), generator())
    found = set()
    for image, moved in zip(batch, after, strict=True):
        hits = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if torch.equal(moved[4:-4, 4:-4], image[4 + dy : 16 + dy, 4 + dx : 16 + dx])
        ]
        assert len(hits) == 1
        found.update(hits)
    assert {dy for dy, _ in found} == {dx for _, dx in found} == {-2, -1, 0, 1, 2}


def test_rotation_is_a_rotation_also_of_oblong_images() -> None:
    """The centre stays where it is, and distances from it are kept: a disc stays a disc."""
    height, width = 24, 48
    y, x = torch.meshgrid(torch.arange(height) - 11.5, torch.arange(width) - 23.5, indexing="ij")
    disc = ((x**2 + y**2) < 81).to(torch.uint8) * 200
    batch = disc[None, :, :, None].expand(32, -1, -1, 3).contiguous()
    after = augment_batch(batch, AugmentConfig(rotation=90), generator())
    inside, outside = (x**2 + y**2) < 49, (x**2 + y**2) > 121
    assert (after[:, inside] == 200).all()
    assert (after[:, outside] == 0).all()


def test_rotation_and_mirroring_do_not_shear() -> None:
    """A horizontal line turned by any angle has the length it had."""
    batch = torch.zeros(64, 41, 41, 3, dtype=torch.uint8)
    batch[:, 19:22, 10:31] = 255
    after = augment_batch(batch, AugmentConfig(rotation=180, flip=True), generator())
    mass = after[..., 0].float().sum((1, 2)) / 255
    assert mass.min() > 63 * 0.95
    assert mass.max() < 63 * 1.05


def test_zoom_is_bounded() -> None:
    batch = torch.zeros(128, 40, 40, 3, dtype=torch.uint8)
    batch[:, 10:30, 10:30] = 255
    after = augment_batch(batch, AugmentConfig(zoom=0.25), generator())
    area = after[..., 0].float().sum((1, 2)) / 255
    assert area.min() >= (20 * 0.75) ** 2 * 0.97
    assert area.max() <= (20 * 1.25) ** 2 * 1.03
    assert area.min() < 330
    assert area.max() > 500
