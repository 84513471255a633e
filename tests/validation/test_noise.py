"""Labels that are probably wrong: found where a simple classifier is good, and few are named where all are right."""

from __future__ import annotations

import numpy as np
import pytest

from podium.validation import noise


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    given = load_digits()
    pixels = (given.images * 255 / 16).astype(np.uint8)
    return np.repeat(pixels[..., None], 3, axis=3), given.target.astype(np.int64)


def test_wrong_labels_of_digits_are_found(digits):
    images, labels = digits
    rng = np.random.default_rng(0)
    wrong = rng.permutation(len(labels))[:54]
    given = labels.copy()
    given[wrong] = (given[wrong] + rng.integers(1, 10, len(wrong))) % 10
    named, likelier = noise.label_issues(images, given, 10)
    assert (given != labels)[named].mean() >= 0.9
    assert named[wrong].mean() >= 0.5
    assert (likelier[named] == labels[named]).mean() >= 0.9


@pytest.fixture(scope="module")
def named(digits):
    return noise.label_issues(*digits, 10)[0]


def test_right_labels_are_left_alone(named):
    assert named.mean() <= 0.01


def test_the_answer_is_the_same_each_time(digits, named):
    assert np.array_equal(noise.label_issues(*digits, 10)[0], named)


def test_too_few_images_and_labels_without_a_class_are_left_alone(digits):
    images, labels = digits
    assert not noise.label_issues(images[:100], labels[:100], 10)[0].any()
    broken = labels.copy()
    broken[:5] = 77, -1, 10, 99, -5
    named, likelier = noise.label_issues(images, broken, 10)
    assert not named[:5].any()
    assert likelier[:5].tolist() == broken[:5].tolist()


def test_of_very_many_images_a_part_is_drawn(digits, monkeypatch):
    images, labels = digits
    monkeypatch.setattr(noise, "MAX_IMAGES", 600)
    seen = []
    plain = noise.describe
    monkeypatch.setattr(noise, "describe", lambda given, rows: seen.append(len(rows)) or plain(given, rows))
    noise.label_issues(images, labels, 10)
    assert seen == [600]
