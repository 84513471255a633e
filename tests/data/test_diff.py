"""Differences of data sets, against what was done to them and against a plain computation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.data import SPLITS, Dataset, Items, open_dataset, write_dataset
from podium.data.diff import BINS, KINDS, Diff, Place, compare
from podium.data.duplicates import digest_images
from podium.data.items import default_items
from podium.data.statistics import channel_statistics
from tests.conftest import make_arrays

NAMES = ("left", "middle", "right")
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


def arrays() -> Arrays:
    return {name: make_arrays(n, side=8, seed=i) for i, (name, n) in enumerate(zip(SPLITS, (30, 9, 6), strict=True))}


def write(folder: Path, splits: Arrays, names: tuple[str, ...] = NAMES, items: dict[str, Items] | None = None) -> Dataset:  # fmt: skip  # noqa: E501
    write_dataset(folder, splits, name="t", class_names=names, source="made", licence="CC0-1.0", items=items)
    return open_dataset(folder)


def counts(diff: Diff) -> dict[str, int]:
    return {kind: len(diff.changes[kind]) for kind in KINDS if len(diff.changes[kind])}


@pytest.fixture
def old(tmp_path: Path) -> Dataset:
    return write(tmp_path / "old", arrays())


def test_a_data_set_does_not_differ_from_itself_in_another_order(old: Dataset, tmp_path: Path) -> None:
    turned = {name: (images[::-1], labels[::-1]) for name, (images, labels) in arrays().items()}
    diff = compare(old, write(tmp_path / "new", turned))
    assert counts(diff) == {}
    assert diff.unchanged == 45
    assert diff.figures[0] == diff.figures[1]
    assert (diff.classes_added, diff.classes_removed) == ((), ())


def test_each_kind_of_change_is_found_where_it_was_made(old: Dataset, tmp_path: Path) -> None:
    made = arrays()
    images, labels = (array.copy() for array in made["train"])
    labels[4] = (labels[4] + 1) % 3  # relabelled
    to_test, gone = images[7:8], [7, 11]
    fresh = np.full((1, 8, 8, 3), 9, np.uint8)
    made["test"] = np.concatenate([made["test"][0], to_test]), np.append(made["test"][1], labels[7])
    made["train"] = np.concatenate([np.delete(images, gone, 0), fresh]), np.append(np.delete(labels, gone), 2)
    diff = compare(old, write(tmp_path / "new", made))
    assert counts(diff) == {"added": 1, "removed": 1, "relabelled": 1, "moved": 1}
    assert diff.unchanged == 42
    assert list(diff.places("added")) == [(None, Place("train", 28, "right"))]
    assert list(diff.places("removed")) == [(Place("train", 11, "right"), None)]
    assert list(diff.places("relabelled")) == [(Place("train", 4, "middle"), Place("train", 4, "right"))]
    assert list(diff.places("moved")) == [(Place("train", 7, "middle"), Place("test", 6, "middle"))]


def test_classes_are_compared_by_name(old: Dataset, tmp_path: Path) -> None:
    made = {name: (images, 2 - labels) for name, (images, labels) in arrays().items()}
    assert counts(compare(old, write(tmp_path / "turned", made, NAMES[::-1]))) == {}
    diff = compare(old, write(tmp_path / "renamed", arrays(), ("left", "centre", "right")))
    assert counts(diff) == {"relabelled": 15}
    assert (diff.classes_added, diff.classes_removed) == (("centre",), ("middle",))


def test_images_of_one_name_with_other_pixels_are_changed(tmp_path: Path) -> None:
    def named(split: str, count: int) -> Items:
        items = default_items(split, 0, count, (8, 8))
        return Items([f"{i}.png" for i in range(count)], *list(vars(items).values())[1:])

    made = arrays()
    items = {split: named(split, len(made[split][1])) for split in SPLITS}
    old = write(tmp_path / "old", made, items=items)
    made["train"][0][3] //= 2
    diff = compare(old, write(tmp_path / "new", made, items=items))
    assert list(diff.places("changed")) == [(Place("train", 3, "left"), Place("train", 3, "left"))]
    assert counts(diff) == {"changed": 1}
    unnamed = compare(write(tmp_path / "o", arrays()), write(tmp_path / "n", made))
    assert counts(unnamed) == {"added": 1, "removed": 1}


def test_another_size_replaces_every_image(old: Dataset, tmp_path: Path) -> None:
    made = {name: make_arrays(n, side=16) for name, n in zip(SPLITS, (6, 3, 3), strict=True)}
    assert counts(compare(old, write(tmp_path / "new", made))) == {"added": 12, "removed": 45}
    made = {name: (images.reshape(-1, 4, 16, 3), labels) for name, (images, labels) in arrays().items()}
    assert counts(compare(old, write(tmp_path / "flat", made))) == {"added": 45, "removed": 45}


def test_distributions_are_exact(old: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = arrays()
    made["validation"] = (made["validation"][0] // 2, made["validation"][1])
    monkeypatch.setattr("podium.data.diff._BLOCK_BYTES", 4 * 8 * 8 * 3)  # several blocks
    diff = compare(old, write(tmp_path / "new", made))
    for split in SPLITS:
        images, labels = made[split]
        figures = diff.figures[1][split]
        mean, std = channel_statistics(images)
        np.testing.assert_allclose(figures.mean, mean, atol=1e-7)
        np.testing.assert_allclose(figures.std, std, atol=1e-7)
        assert figures.per_class == tuple(np.bincount(labels, minlength=3))
        bins = (images.reshape(len(images), -1).mean(1) * BINS / 256).astype(int)
        assert figures.brightness == tuple(np.bincount(bins, minlength=BINS))
    assert diff.figures[0]["validation"].mean > diff.figures[1]["validation"].mean


_SETS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1)), min_size=2, max_size=8)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(SPLITS, _SETS)), st.fixed_dictionaries(dict.fromkeys(SPLITS, _SETS)))
def test_every_image_is_counted_once_and_unchanged_are_as_many_as_can_be(tmp_path_factory, before, after) -> None:
    """Few different pictures, so that duplicates within and across splits and contradicting labels abound."""
    folder = tmp_path_factory.mktemp("sets")

    def build(name: str, content: dict[str, list[tuple[int, int]]]) -> Dataset:
        splits = {
            split: (np.array([[[[p] * 3]] for p, _ in rows], np.uint8), np.array([c for _, c in rows], np.int64))
            for split, rows in content.items()
        }
        return write(folder / name, splits, ("a", "b"))

    diff = compare(build("old", before), build("new", after))
    had = Counter((split, *row) for split, rows in before.items() for row in rows)
    has = Counter((split, *row) for split, rows in after.items() for row in rows)
    assert diff.unchanged == (had & has).total()
    for side, total in (("old", had.total()), ("new", has.total())):
        rows = np.concatenate([getattr(diff.changes[kind], side) for kind in KINDS])
        rows = rows[rows >= 0]
        assert len(np.unique(rows)) == len(rows) == total - diff.unchanged
    pixels = [Counter(p for rows in side.values() for p, _ in rows) for side in (before, after)]
    assert len(diff.changes["removed"]) == (pixels[0] - pixels[1]).total()
    assert len(diff.changes["added"]) == (pixels[1] - pixels[0]).total()
    for kind in ("relabelled", "moved"):
        for was, now in diff.places(kind):
            assert was is not None
            assert now is not None
            assert (was.label != now.label) == (kind == "relabelled")
            shown = [digest_images(side[p.split].images[p.index : p.index + 1]) for side, p in ((diff.old, was), (diff.new, now))]  # fmt: skip  # noqa: E501
            assert shown[0] == shown[1]
            assert kind == "relabelled" or was.split != now.split
