"""Near duplicates: what is found, what is not, and that the work stays bounded."""

from __future__ import annotations

import io

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from podium.data import near
from podium.data.near import SIZE, describe, near_groups, near_pairs
from podium.data.registration import Judge


def jpeg(image, quality=75):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def shifted(image, dx, dy):
    side = image.shape[0]
    return np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")[1 + dy : 1 + dy + side, 1 + dx : 1 + dx + side]


def cropped(image):
    side = image.shape[0]
    return np.asarray(Image.fromarray(image[1:-1, 1:-1]).resize((side, side), Image.Resampling.BILINEAR))


CHANGES = {
    "recompressed": (lambda image: jpeg(image, 50), 0.98),
    "brighter": (lambda image: np.clip(image * 1.05, 0, 255).astype(np.uint8), 0.98),
    "darker": (lambda image: (image * 0.95).astype(np.uint8), 0.98),
    "shifted right": (lambda image: shifted(image, -1, 0), 0.80),
    "shifted down": (lambda image: shifted(image, 0, -1), 0.80),
    "cropped": (cropped, 0.65),
}


@pytest.fixture(scope="module")
def photographs(shared_data):
    """5,000 images of CIFAR-10."""
    rows = pq.read_table(shared_data / "cifar10-test.parquet", columns=["img"]).to_pydict()["img"]
    return np.stack([np.asarray(Image.open(io.BytesIO(row["bytes"])).convert("RGB")) for row in rows])


@pytest.fixture(scope="module")
def digits():
    """1,797 handwritten digits, some of which are very much alike, and no two of which are the same image."""
    from sklearn.datasets import load_digits

    small = (load_digits().images * 255 / 16).astype(np.uint8)
    large = [np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC)) for image in small]
    return np.repeat(np.stack(large)[..., None], 3, axis=3)


@pytest.fixture(scope="module")
def described(photographs):
    return describe(photographs)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("kind", CHANGES)
def test_a_changed_copy_of_a_photograph_is_found(photographs, described, kind):
    change, least = CHANGES[kind]
    copied = np.arange(0, 5000, 10)
    groups = near_groups(np.concatenate([described, describe(np.stack([change(photographs[i]) for i in copied]))]))
    assert (groups[copied] == groups[5000:]).mean() >= least


@pytest.mark.slow
@pytest.mark.shared
def test_unrelated_photographs_are_not_found(described):
    # All pairs among these were looked at: they show the same picture (see ciFAIR: Barz & Denzler 2020).
    assert 1 <= len(near_pairs(described)) <= 25


@pytest.mark.slow
@pytest.mark.shared
def test_a_mirrored_image_is_another_image(photographs, described):
    groups = near_groups(np.concatenate([described[:500], describe(photographs[:500, :, ::-1])]))
    assert (groups[:500] == groups[500:]).mean() < 0.02


@pytest.mark.slow
def test_digits_are_alike_but_not_the_same(digits):
    assert len(near_pairs(describe(digits))) <= 4


@pytest.mark.slow
def test_a_recompressed_digit_is_found(digits):
    groups = near_groups(describe(np.concatenate([digits, np.stack([jpeg(image, 90) for image in digits[:100]])])))
    assert (groups[:100] == groups[1797:]).mean() >= 0.98


def test_groups_are_numbered_by_first_appearance_and_pairs_lead_to_the_first():
    noise = np.random.default_rng(0).integers(0, 256, (6, 24, 20, 3), dtype=np.uint8)
    images = np.repeat(np.repeat(noise[:, ::6, ::5], 6, axis=1), 5, axis=2)[[0, 1, 0, 2, 1, 0]]
    assert near_groups(describe(images)).tolist() == [0, 1, 0, 2, 1, 0]
    assert near_pairs(describe(images)).tolist() == [[0, 2], [0, 5], [1, 4]]


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (1, 8, 8, 3), (3, 1, 1, 3), (2, 5, 300, 3), (2, 700, 400, 3)])
def test_any_number_and_size_can_be_described(shape):
    images = np.full(shape, 7, np.uint8)
    descriptors = describe(images)
    assert descriptors.shape == (shape[0], SIZE)
    assert descriptors.dtype == np.uint8
    assert near_groups(descriptors).tolist() == [0] * shape[0]
    assert near_pairs(descriptors).shape == (max(0, shape[0] - 1), 2)


def test_a_thumbnail_holds_the_means_of_its_cells():
    images = np.random.default_rng(1).integers(0, 256, (4, 48, 24, 3), dtype=np.uint8)
    cells = images.reshape(4, 12, 4, 12, 2, 3).mean(axis=(2, 4))
    gray = cells @ [0.299, 0.587, 0.114]
    assert np.abs(describe(images)[:, 8 : 8 + 144].reshape(4, 12, 12) - gray).max() <= 0.5 + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["equal", "nearly equal", "noise on one image"])
def test_work_is_bounded_where_all_images_are_alike(kind, monkeypatch):
    rng = np.random.default_rng(0)
    count = 2_500
    images = np.zeros((count, 16, 16, 3), np.uint8)
    if kind == "nearly equal":
        images[:] = rng.integers(0, 3, images.shape, dtype=np.uint8)
    elif kind == "noise on one image":
        images[:] = rng.integers(0, 200, (1, 4, 4, 3)).repeat(4, 1).repeat(4, 2) + rng.integers(0, 30, images.shape)
    descriptors = describe(images)
    compared = []
    same = Judge.same
    monkeypatch.setattr(Judge, "same", lambda self, pairs, *of: compared.append(len(pairs)) or same(self, pairs, *of))
    pairs = near_pairs(descriptors)
    assert sum(compared) <= 100 * count  # of 1,250 an image that a quadratic search compares
    assert bool(sum(compared)) == (kind != "equal")
    assert len(pairs) <= 40 * count
    if kind == "equal":
        assert near_groups(descriptors).max() == 0


def test_equal_hashes_of_different_rows_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    descriptors = np.random.default_rng(0).integers(0, 256, (50, SIZE), np.uint8)
    descriptors[40:] = descriptors[:10]
    wanted = near_pairs(descriptors)
    assert [0, 40] in wanted.tolist()
    monkeypatch.setattr(near, "_row_hashes", lambda rows: np.zeros(len(rows), np.uint64))
    assert near_pairs(descriptors).tolist() == wanted.tolist()
