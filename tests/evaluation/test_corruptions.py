from __future__ import annotations

import numpy as np
import pytest

from podium.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from podium.evaluation.corruptions.registry import Draws, corruption

EVERY = pytest.mark.parametrize("name", list(CORRUPTIONS))
RANDOM = {"gaussian_noise", "shot_noise", "impulse_noise", "motion_blur", "fog", "elastic"}
TWO_SIDED = {"saturation", "elastic"}
"""Whose weakest severity is not the smallest change: less saturation first, then more; a shear first, then bends."""


def photographs(count: int = 5, height: int = 32, width: int = 32) -> np.ndarray:
    """Smooth colour gradients, each image another."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    phases = np.arange(count)[:, None, None, None]
    channels = np.stack([x, y, x * y], axis=-1)
    return (127 + 100 * np.sin(6 * channels + phases + np.arange(3))).astype(np.uint8)


IMAGES = photographs()


def change(name: str, severity: int, images: np.ndarray = IMAGES, seed: int = 0) -> np.ndarray:
    return corrupt(images, name, severity, seed=seed, indices=range(len(images)))


def test_the_set_is_fixed() -> None:
    assert list(CORRUPTIONS) == [
        *("gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "motion_blur", "fog", "brightness"),
        *("contrast", "saturation", "pixelate", "jpeg", "elastic"),
    ]
    assert SEVERITIES == (1, 3, 5)


@EVERY
@pytest.mark.parametrize("severity", SEVERITIES)
def test_images_are_changed_and_the_originals_are_not(name: str, severity: int) -> None:
    before = IMAGES.copy()
    changed = change(name, severity)
    assert (changed.dtype, changed.shape) == (np.uint8, IMAGES.shape)
    assert all((one != other).any() for one, other in zip(changed, IMAGES, strict=True))
    np.testing.assert_array_equal(IMAGES, before)


@EVERY
def test_an_image_does_not_depend_on_its_neighbours(name: str) -> None:
    whole = change(name, 3)
    alone = corrupt(IMAGES[3:4], name, 3, seed=0, indices=[3])
    # FFTs of other lengths round differently: by one level at most.
    assert np.abs(alone[0].astype(int) - whole[3]).max() <= 1
    np.testing.assert_array_equal(change(name, 3), whole)


@EVERY
def test_random_numbers_follow_from_seed_and_index(name: str) -> None:
    same = np.repeat(IMAGES[:1], 2, axis=0)
    first, second = change(name, 5, same)
    assert (first != second).any() == (name in RANDOM)
    assert (change(name, 5, same, seed=1)[0] != first).any() == (name in RANDOM)


@EVERY
def test_a_higher_severity_changes_more(name: str) -> None:
    distances = [np.abs(change(name, s).astype(int) - IMAGES).mean() for s in SEVERITIES]
    if name not in TWO_SIDED:
        assert distances == sorted(distances)
        assert distances[2] > 1.2 * distances[0]


@EVERY
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (8, 8), (20, 45), (64, 64)])
def test_any_size_of_image_and_none_at_all(name: str, height: int, width: int) -> None:
    images = photographs(2, height, width)
    for severity in SEVERITIES:
        assert change(name, severity, images).shape == images.shape
    assert change(name, 1, images[:0]).shape == (0, height, width, 3)


@EVERY
@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_stay_within_range(name: str, level: int) -> None:
    changed = change(name, 5, np.full((1, 16, 16, 3), level, np.uint8)).astype(int)
    limit = {"gaussian_noise": 60, "shot_noise": 60, "impulse_noise": 20, "brightness": 77, "fog": 153}.get(name, 1)
    assert np.abs(changed - level).mean() <= limit


def test_noise_has_the_strength_of_the_paper() -> None:
    gray = np.full((20, 32, 32, 3), 128, np.uint8)
    normal = change("gaussian_noise", 1, gray) / 255 - 128 / 255
    assert (normal.mean(), normal.std()) == (pytest.approx(0, abs=1e-3), pytest.approx(0.04, rel=0.02))
    shot = change("shot_noise", 5, gray) / 255
    assert shot.var() == pytest.approx(128 / 255 / 50, rel=0.03)
    flipped = change("impulse_noise", 5, gray)
    assert [(flipped == level).mean() for level in (0, 255)] == pytest.approx([0.035, 0.035], abs=0.003)


def test_contrast_and_brightness_and_saturation_by_hand() -> None:
    image = np.zeros((1, 1, 2, 3), np.uint8)
    image[0, 0] = [[200, 100, 100], [100, 100, 100]]
    assert change("contrast", 5, image)[0, 0].tolist() == [[158, 100, 100], [142, 100, 100]]
    raised = change("brightness", 5, image)[0, 0].tolist()
    assert raised in ([[255, 128, 128], [level] * 3] for level in (176, 177))  # 176.5
    gray = change("saturation", 1, image)[0, 0].tolist()
    assert gray == [[200, 170, 170], [100, 100, 100]]


def test_blur_keeps_the_mean_and_a_point_becomes_a_line_or_a_disk() -> None:
    point = np.zeros((1, 33, 33, 3), np.uint8)
    point[0, 16, 16] = 255
    disk = change("defocus_blur", 5, point)[0, ..., 0].astype(int)
    assert (disk == disk.T).all()
    assert (disk == disk[::-1]).all()
    assert disk.sum() == pytest.approx(255, abs=10)
    line = change("motion_blur", 5, point)[0, ..., 0].astype(int)
    assert line.sum() == pytest.approx(255, abs=20)
    assert line[:, :15].sum() == 0
    assert (line.sum(0) > 0).sum() > 4


def test_lengths_grow_with_the_image() -> None:
    wide = []
    for side in (33, 66):
        point = np.zeros((1, side, side, 3), np.uint8)
        point[0, side // 2, side // 2] = 255
        weights = change("defocus_blur", 5, point)[0, ..., 0] / 255.0
        offsets = np.arange(side) - side // 2
        wide.append(np.sqrt((weights.sum(0) * offsets**2).sum() / weights.sum()))
    assert wide[1] / wide[0] == pytest.approx(2, rel=0.2)


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError):
        change("snow", 1)
    with pytest.raises(ValueError, match="severity 2"):
        change("jpeg", 2)
    with pytest.raises(ValueError, match="3 indices for 5"):
        corrupt(IMAGES, "jpeg", 1, seed=0, indices=range(3))


def test_a_name_is_given_once() -> None:
    def jpeg(images: np.ndarray, _severity: int, _draws: Draws) -> np.ndarray:
        return images

    with pytest.raises(ValueError, match="two corruptions 'jpeg'"):
        corruption("digital")(jpeg)
