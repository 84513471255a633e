"""Pixel statistics against slow, plain computations, and their tests against SciPy."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from scipy import ndimage, stats

from podium.drift import pixels
from podium.drift.pixels import PIXEL_STATISTICS, pixel_statistics
from podium.drift.univariate import pixel_tests

IMAGES = np.random.default_rng(5).integers(0, 256, (7, 9, 11, 3), dtype=np.uint8)


def slow(image: np.ndarray) -> dict[str, float]:
    rgb = image / 255
    luma = 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2]
    cross = ndimage.convolve(luma, [[0, 1, 0], [1, -4, 1], [0, 1, 0]])[1:-1, 1:-1]
    mask = ndimage.convolve(luma, [[1, -2, 1], [-2, 4, -2], [1, -2, 1]])[1:-1, 1:-1]
    return {
        "brightness": luma.mean(),
        "contrast": luma.std(),
        "red": rgb[..., 0].mean(),
        "green": rgb[..., 1].mean(),
        "blue": rgb[..., 2].mean(),
        "saturation": np.mean([colorsys.rgb_to_hsv(*pixel)[1] for pixel in rgb.reshape(-1, 3)]),
        "sharpness": cross.var(),
        "noise": np.sqrt(np.pi / 2) * np.abs(mask).sum() / (6 * mask.size),
    }


def test_statistics_are_those_of_a_slow_computation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_BLOCK", 3 * 9 * 11)
    table = pixel_statistics(IMAGES)
    assert list(table) == list(PIXEL_STATISTICS)
    for index, image in enumerate(IMAGES):
        for name, expected in slow(image).items():
            assert table[name][index] == pytest.approx(expected, rel=1e-4), name


def test_noise_finds_the_standard_deviation_of_noise() -> None:
    image = np.clip(np.random.default_rng(0).normal(128, 10, (1, 200, 200, 1)), 0, 255).astype(np.uint8).repeat(3, 3)
    assert pixel_statistics(image)["noise"][0] == pytest.approx(10 / 255, rel=0.05)


@pytest.mark.parametrize("shape", [(2, 1, 1, 3), (2, 2, 5, 3), (2, 40, 3, 3)])
def test_flat_and_tiny_images_have_finite_statistics(shape: tuple[int, ...]) -> None:
    for name, values in pixel_statistics(np.zeros(shape, np.uint8)).items():
        assert values.tolist() == [0, 0], name


def test_tests_are_scipys_kolmogorov_smirnov() -> None:
    rng = np.random.default_rng(1)
    before = {name: rng.normal(size=150) for name in PIXEL_STATISTICS}
    after = {name: rng.normal(size=170) for name in PIXEL_STATISTICS}
    after["brightness"] = rng.normal(-1, 1, 170)
    after["contrast"] = rng.normal(0, 4, 170)
    after["red"] = rng.normal(1, 1, 170)
    found = {test.name: test for test in pixel_tests(before, after, minimum=0.1)}
    for name, test in found.items():
        expected = stats.ks_2samp(before[name], after[name], method="exact")
        assert (test.statistic, test.p_value) == pytest.approx((expected.statistic, expected.pvalue)), name
        assert test.effect == test.statistic
        assert (test.reference_count, test.current_count) == (150, 170)
    assert found["brightness"].detail == "darker"
    assert found["red"].detail == "more red"
    assert found["contrast"].detail == "another spread of contrast"
