"""Properties of augmentation."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from podium.config import AugmentConfig, RandAugmentConfig
from podium.training.augment import Samples, augment_batch

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = {
    "flip": AugmentConfig(flip=True),
    "shift": AugmentConfig(shift=0.2),
    "rotation": AugmentConfig(rotation=20),
    "zoom": AugmentConfig(zoom=0.2),
    "crop": AugmentConfig(crop=3),
    "cutout": AugmentConfig(cutout=5),
    "alternating": AugmentConfig(flip="alternating"),
    "alternating crop": AugmentConfig(flip="alternating", crop=2),
    "alternating zoom": AugmentConfig(flip="alternating", zoom=0.1, crop=2),
    "all": AugmentConfig(flip=True, shift=0.1, rotation=15, zoom=0.1, cutout=4),
}
COLORFUL = {
    "rand_augment": AugmentConfig(rand_augment=RandAugmentConfig(operations=2, magnitude=20)),
    "everything": AugmentConfig(flip=True, crop=2, rotation=15, rand_augment=RandAugmentConfig(), cutout=4),
}
EVERY = {**KINDS, **COLORFUL}


def test_every_field_is_tested_here() -> None:
    used = set().union(*(config.model_fields_set for config in EVERY.values()))
    assert used | {"mixup"} == set(AugmentConfig.model_fields)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def augment(batch: torch.Tensor, config: AugmentConfig, seed: int = 0, epoch: int = 1) -> torch.Tensor:
    samples = Samples(torch.arange(len(batch)), epoch, seed)
    return augment_batch(batch, config, generator(seed), samples)


def images(count: int = 16, height: int = 12, width: int = 20) -> torch.Tensor:
    return torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8, generator=generator(7))


def test_zero_strength_is_the_identity() -> None:
    batch = images()
    assert augment_batch(batch, AugmentConfig(), generator()) is batch


@pytest.mark.parametrize("kind", sorted(EVERY))
def test_shape_type_and_input_are_kept(kind: str) -> None:
    batch = images()
    before = batch.clone()
    after = augment(batch, EVERY[kind])
    assert after.shape == batch.shape
    assert after.dtype == torch.uint8
    assert after.is_contiguous()
    assert torch.equal(batch, before)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_range_is_kept(kind: str) -> None:
    """Interpolation and borders invent no value outside those of the image."""
    batch = images().clamp(40, 200)
    after = augment(batch, EVERY[kind])
    assert after.min() >= 40
    assert after.max() <= 200


@pytest.mark.parametrize("kind", sorted(EVERY))
def test_the_result_follows_from_the_generator(kind: str) -> None:
    first, again, other = (augment(images(), EVERY[kind], seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", sorted(EVERY))
def test_each_sample_is_drawn_on_its_own(kind: str) -> None:
    batch = images(1).expand(64, -1, -1, -1).contiguous()
    after = augment(batch, EVERY[kind])
    assert len(after.reshape(64, -1).unique(dim=0)) >= 2


@pytest.mark.parametrize("kind", sorted(EVERY))
def test_the_global_generator_is_left_alone(kind: str) -> None:
    before = torch.get_rng_state()
    augment(images(), EVERY[kind])
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


@pytest.mark.parametrize("kind", sorted(EVERY))
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 3), (8, 3)])
def test_tiny_images_are_taken(kind: str, shape: tuple[int, int]) -> None:
    batch = images(6, *shape)
    assert augment(batch, EVERY[kind]).shape == batch.shape


class TestAlternatingFlip:
    def test_two_epochs_show_every_image_both_ways(self) -> None:
        batch = images(200)
        first, second, third = (augment(batch, KINDS["alternating"], 5, epoch) for epoch in (1, 2, 3))
        assert torch.equal(first, second.flip(2))
        assert torch.equal(first, third)
        mirrored = (first == batch.flip(2)).flatten(1).all(1)
        assert 70 < mirrored.sum() < 130

    def test_the_half_follows_from_place_and_seed_alone(self) -> None:
        order = torch.randperm(1000, generator=generator())
        there = Samples(torch.arange(1000), 1, 3).halves()
        assert torch.equal(Samples(order, 7, 3).halves(), there[order])
        for other in (4, 3 + 2**64 - 1):
            assert 400 < (Samples(torch.arange(1000), 1, other).halves() ^ there).sum() < 600

    def test_halves_have_no_pattern(self) -> None:
        halves = Samples(torch.arange(50_000), 1, 0).halves()
        for stride in (1, 2, 3, 64, 1000):
            same = (halves[stride:] == halves[:-stride]).double().mean()
            assert abs(same - 0.5) < 0.012

    def test_it_needs_the_places(self) -> None:
        with pytest.raises(ValueError, match="alternating"):
            augment_batch(images(), KINDS["alternating"], generator())


class TestCrop:
    def test_it_is_a_window_of_the_reflected_image(self) -> None:
        batch = images(64, 10, 14)
        after = augment(batch, AugmentConfig(crop=3))
        padded = functional.pad(batch.permute(0, 3, 1, 2).float(), (3,) * 4, "reflect").byte().permute(0, 2, 3, 1)
        found = set()
        for image, moved in zip(padded, after, strict=True):
            hits = [(y, x) for y in range(7) for x in range(7) if torch.equal(moved, image[y : y + 10, x : x + 14])]
            assert len(hits) == 1
            found.update(hits)
        assert {y for y, _ in found} == {x for _, x in found} == set(range(7))

    def test_mirroring_goes_with_it(self) -> None:
        batch = images(1, 9, 9).expand(200, -1, -1, -1)
        plain = set(map(bytes, augment(batch, AugmentConfig(crop=1)).numpy()))
        both = set(map(bytes, augment(batch, AugmentConfig(crop=1, flip=True)).numpy()))
        assert len(plain) == 9
        assert len(both) == 18


class TestCutout:
    def test_a_gray_square_whose_middle_is_on_the_image(self) -> None:
        batch = torch.zeros(400, 12, 16, 3, dtype=torch.uint8)
        gray = augment(batch, AugmentConfig(cutout=4))[..., 0] == 128
        rows, columns = gray.any(2).sum(1), gray.any(1).sum(1)
        assert torch.equal(gray.sum((1, 2)), rows * columns)
        assert set(rows.tolist()) == set(columns.tolist()) == {2, 3, 4}

    def test_a_square_larger_than_the_image_covers_it(self) -> None:
        assert (augment(images(4, 8, 8), AugmentConfig(cutout=16)) == 128).all()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"crop": 2, "shift": 0.1}, "crop and shift"),
        ({"flip": "sometimes"}, "flip"),
        ({"crop": -1}, "crop"),
        ({"mixup": -0.1}, "mixup"),
        ({"rand_augment": {"magnitude": 31}}, "magnitude"),
    ],
)
def test_contradictions_and_wrong_values_are_refused(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AugmentConfig.model_validate(config)
