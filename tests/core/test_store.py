"""The data set folder: round trip, statistics, and every way in which it can be broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from podium.data import Dataset, open_dataset, statistics, write_dataset
from podium.data.statistics import channel_statistics
from podium.errors import DataError
from tests.conftest import make_arrays


def test_round_trip(small_dataset: Dataset) -> None:
    images, labels = make_arrays(96, seed=0)
    np.testing.assert_array_equal(small_dataset["train"].images, images)
    np.testing.assert_array_equal(small_dataset["train"].labels, labels)
    assert isinstance(small_dataset["train"].images, np.memmap)
    assert not small_dataset["train"].images.flags.writeable
    assert small_dataset.manifest.splits["test"].per_class == (10, 10, 10)
    small_dataset.verify()


def test_statistics_equal_numpys() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5000, 4, 4, 3), dtype=np.uint8)
    mean, std = channel_statistics(images)
    np.testing.assert_allclose(mean, images.mean((0, 1, 2)) / 255, atol=1e-8)
    np.testing.assert_allclose(std, images.std((0, 1, 2)) / 255, atol=1e-8)


def test_the_digest_is_of_the_content(small_dataset: Dataset, tmp_path: Path) -> None:
    splits = {name: (split.images, split.labels) for name, split in small_dataset.splits.items()}
    names = small_dataset.manifest.class_names
    same = write_dataset(tmp_path / "b", splits, name="other", class_names=names, source="x", licence="y")
    assert same.digest == small_dataset.manifest.digest
    changed = splits["train"][0].copy()
    changed[0, 0, 0, 0] ^= 1
    splits["train"] = (changed, splits["train"][1])
    other = write_dataset(tmp_path / "c", splits, name="other", class_names=names, source="x", licence="y")
    assert other.digest != same.digest


def test_a_changed_byte_is_found(small_dataset: Dataset) -> None:
    file = small_dataset.path / "validation.images.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"validation\.images\.npy"):
        open_dataset(small_dataset.path).verify()


@pytest.mark.parametrize("file", ["train.images.npy", "test.labels.npy", "train.items.tsv", "dataset.json"])
@pytest.mark.parametrize("harm", ["cut", "empty", "missing"])
def test_broken_files_are_named(small_dataset: Dataset, file: str, harm: str) -> None:
    path = small_dataset.path / file
    content = path.read_bytes()
    path.unlink()
    if harm != "missing":
        path.write_bytes(content[: len(content) // 2] if harm == "cut" else b"")
    read_later = file == "train.items.tsv" and harm != "missing"  # items are read only when they are asked for
    with pytest.raises(DataError) as caught:
        open_dataset(small_dataset.path).items("train") if read_later else open_dataset(small_dataset.path)
    assert file in str(caught.value)
    assert caught.value.remedy


def test_pickled_arrays_are_refused(small_dataset: Dataset) -> None:
    np.save(small_dataset.path / "train.labels.npy", np.array([object()] * 96), allow_pickle=True)
    with pytest.raises(DataError, match=r"train\.labels\.npy"):
        open_dataset(small_dataset.path)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda i, y: (i[:0], y[:0]), "no images"),
        (lambda i, y: (i, np.where(np.arange(len(y)) == 4, 7, y)), "label 7 of image 4"),
        (lambda i, y: (i, np.where(np.arange(len(y)) == 2, -1, y)), "label -1 of image 2"),
        (lambda i, y: (i.astype(np.float32), y), "float32"),
        (lambda i, y: (i[..., :1], y), "N×H×W×3"),
        (lambda i, y: (i, y[:-1]), "one int64 label an image"),
        (lambda i, y: (i, y.astype(np.int32)), "int32"),
    ],
)
def test_bad_arrays_are_refused_and_the_old_set_stays(small_dataset: Dataset, harm, words: str) -> None:
    splits = {name: (np.array(s.images), np.array(s.labels)) for name, s in small_dataset.splits.items()}
    splits["validation"] = harm(*splits["validation"])
    with pytest.raises(DataError) as caught:
        write_dataset(small_dataset.path, splits, name="x", class_names=("a", "b", "c"), source="s", licence="l")
    assert words in str(caught.value)
    open_dataset(small_dataset.path).verify()


def edit(dataset: Dataset, change: Callable[[dict], object]) -> Path:
    """Change dataset.json by hand."""
    file = dataset.path / "dataset.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return dataset.path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["class_names"].reverse(), "digest: .* not that of its class names"),
        (lambda m: m.update(digest="f" * 64), "digest: ffffffffffff"),
        (lambda m: m.update(mean=[0.9, *m["mean"][1:]]), r"mean: says \[0\.9, "),
        (lambda m: m.update(std=[0.1, 0.1, 0.1]), r"std: says \[0\.1, 0\.1, 0\.1\]"),
        (lambda m: m["splits"]["test"].update(per_class=[11, 9, 10]), r"splits\.test: .*\[11, 9, 10\].*\[10, 10, 10\]"),
    ],
)
def test_a_changed_manifest_is_found(small_dataset: Dataset, change, words: str) -> None:
    dataset = open_dataset(edit(small_dataset, change))
    with pytest.raises(DataError, match=rf"dataset\.json: {words}") as caught:
        dataset.verify()
    assert "import the data set again" in caught.value.remedy


def test_a_split_in_anothers_place_is_found(small_dataset: Dataset) -> None:
    """The files of validation and test exchanged, with their records."""
    for kind in ("images.npy", "labels.npy", "items.tsv"):
        a, b = (small_dataset.path / f"{split}.{kind}" for split in ("validation", "test"))
        content = a.read_bytes()
        a.write_bytes(b.read_bytes())
        b.write_bytes(content)

    def exchange(manifest: dict) -> None:
        splits = manifest["splits"]
        splits["validation"], splits["test"] = splits["test"], splits["validation"]

    with pytest.raises(DataError, match="digest"):
        open_dataset(edit(small_dataset, exchange)).verify()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["splits"]["train"].update(per_class=[1]), r"splits\.train\.per_class: 1 counts for 3 classes"),
        (lambda m: m["splits"]["train"].update(per_class=[1, 1, 1]), ".*adds up to 3, count is 96"),
        (lambda m: m["splits"]["train"].update(per_class=[-1, 1, 96]), r"splits\.train\.per_class\.0: "),
        (lambda m: m["splits"].pop("test"), "splits: holds 'train', 'validation' instead of"),
        (lambda m: m["splits"].update({"../x": m["splits"]["test"]}), r"splits: holds .*'\.\./x'"),
        (lambda m: m.update(std=[-0.1, 0.1, 0.1]), r"std\.0: "),
        (lambda m: m.update(mean=[0.1, 1.1, 0.1]), r"mean\.1: "),
        (lambda m: m.update(class_names=["a", "b", "a"]), "class_names: 'a' stands twice"),
        (lambda m: m.update(class_names=["a", " ", "c"]), "class_names: the name of class 1 is empty"),
        (lambda m: m.update(class_names=["a"]), "class_names: "),
    ],
)
def test_an_inconsistent_manifest_is_refused(small_dataset: Dataset, change, words: str) -> None:
    with pytest.raises(DataError, match=rf"dataset\.json: {words}") as caught:
        open_dataset(edit(small_dataset, change))
    assert "Value error" not in caught.value.message
    assert caught.value.remedy


def test_a_path_that_is_no_folder_and_a_manifest_that_is_no_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("text")
    with pytest.raises(DataError, match=r"README\.md: not a data set but a file"):
        open_dataset(tmp_path / "README.md")
    (tmp_path / "data" / "dataset.json").mkdir(parents=True)
    with pytest.raises(DataError, match=r"dataset\.json: cannot be read"):
        open_dataset(tmp_path / "data")


@pytest.mark.parametrize(
    ("names", "words"), [(["a"], "1 class;"), (["a", "b", "a"], "twice"), (["a", "", "b"], "empty")]
)
def test_class_names_are_at_least_two_and_distinct(small_dataset: Dataset, names: list[str], words: str) -> None:
    splits = {name: (split.images, split.labels % len(names)) for name, split in small_dataset.splits.items()}
    with pytest.raises(DataError, match=words):
        write_dataset(small_dataset.path, splits, name="x", class_names=names, source="s", licence="l")
    open_dataset(small_dataset.path).verify()


@pytest.mark.parametrize("version", [1, 3, "2"])
def test_another_schema_version_is_one_clear_error(small_dataset: Dataset, version: object) -> None:
    def old(manifest: dict) -> None:
        manifest["schema_version"] = version
        for info in manifest["splits"].values():
            del info["items_sha256"]

    with pytest.raises(DataError, match=rf"dataset\.json: schema version {version}, ") as caught:
        open_dataset(edit(small_dataset, old))
    assert "import the data set again" in caught.value.remedy


def test_statistics_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)
    whole = channel_statistics(images)
    monkeypatch.setattr(statistics, "_BLOCK_BYTES", 100)
    assert channel_statistics(images) == whole
