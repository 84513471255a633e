"""Import of parquet files in the Hugging Face layout."""

import logging
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from podium.data import open_dataset
from podium.data.duplicates import digest_images
from podium.data.sources import import_parquet, list_parquet
from podium.errors import DataError
from tests.data.made import noise, png, write


def split_digests(path):
    dataset = open_dataset(path)
    return {name: digest_images(split.images) for name, split in dataset.splits.items()}


def test_three_files_become_three_splits_pixel_by_pixel(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 5, 6, 3), dtype=np.uint8)
    parts = {"train": pixels[:20], "validation": pixels[20:30], "test": pixels[30:]}
    files = {split: write(tmp_path / f"{split}.parquet", [png(i) for i in images]) for split, images in parts.items()}
    seen = []
    manifest = import_parquet(
        tmp_path / "data",
        [files["train"]],
        [files["test"]],
        [files["validation"]],
        name="pets",
        licence="CC0-1.0",
        progress=lambda done, total: seen.append((done, total)),
    )
    dataset = open_dataset(tmp_path / "data")
    dataset.verify()
    for split, images in parts.items():
        assert (dataset[split].images == images).all()
        assert dataset[split].labels.tolist() == [i % 2 for i in range(len(images))]
    assert manifest.class_names == ("cat", "dog")
    assert (manifest.name, manifest.licence) == ("pets", "CC0-1.0")
    assert manifest.source == "parquet: train.parquet, validation.parquet, test.parquet"
    assert seen[-1] == (40, 40)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "data",
        "test.parquet",
        "train.parquet",
        "validation.parquet",
    ]


@pytest.mark.slow
def test_missing_splits_are_drawn_from_train_by_the_seed(tmp_path):
    file = write(tmp_path / "all.parquet", noise(60))
    first = import_parquet(tmp_path / "a", [file], seed=3)
    assert {split: info.per_class for split, info in first.splits.items()} == {
        "train": (24, 24),
        "validation": (3, 3),
        "test": (3, 3),
    }
    assert import_parquet(tmp_path / "b", [file], seed=3).digest == first.digest
    assert import_parquet(tmp_path / "c", [file], seed=4).digest != first.digest
    assert "validation: 10% of train, seed 3; test: 10% of train, seed 3" in first.source
    everything = [digest for digests in split_digests(tmp_path / "a").values() for digest in digests]
    assert len(set(everything)) == 60


def test_drawn_splits_never_share_an_image(tmp_path):
    images = noise(30)
    file = write(tmp_path / "all.parquet", [images[i // 2] for i in range(60)], [i // 2 % 2 for i in range(60)])
    import_parquet(tmp_path / "data", [file], validation_fraction=0.2, test_fraction=0.2)
    sets = [set(digests) for digests in split_digests(tmp_path / "data").values()]
    assert sum(map(len, sets)) == 30
    assert len(set.union(*sets)) == 30


@pytest.mark.slow
def test_given_splits_that_share_images_are_told_of_and_can_be_freed_of_them(tmp_path, caplog):
    images = noise(40)
    train, test = write(tmp_path / "train.parquet", images[:32]), write(tmp_path / "test.parquet", images[30:])
    with caplog.at_level(logging.WARNING):
        kept = import_parquet(tmp_path / "kept", [train], [test], validation_fraction=0.25)
    assert kept.splits["train"].count + kept.splits["validation"].count == 32
    assert re.search("(1 image of test is|2 images of test are) also in (train|validation); an import", caplog.text)

    import_parquet(tmp_path / "freed", [train], [test], validation_fraction=0.25, drop_duplicates=True)
    digests = split_digests(tmp_path / "freed")
    assert [len(digests[split]) for split in ("train", "validation", "test")] == [22, 8, 10]
    assert not set(digests["test"]) & {*digests["train"], *digests["validation"]}


@pytest.mark.slow
def test_columns_are_found_by_type_or_given_and_binary_is_enough(tmp_path):
    named = write(tmp_path / "a.parquet", noise(20), column="picture", label_column="fine_label")
    assert import_parquet(tmp_path / "a", [named]).class_names == ("cat", "dog")
    table = pa.table({"scan": noise(20), "x": [0] * 20, "y": [i % 2 for i in range(20)]})
    pq.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"(?s)could be one: 'x', 'y'; the columns are .*'x': 'int64'.*--label-column"):
        import_parquet(tmp_path / "b", [tmp_path / "b.parquet"])
    manifest = import_parquet(tmp_path / "b", [tmp_path / "b.parquet"], label_column="y")
    assert manifest.class_names == ("0", "1")
    with pytest.raises(DataError, match="column 'y' is missing or holds no images"):
        import_parquet(tmp_path / "c", [tmp_path / "b.parquet"], image_column="y")


def test_images_of_other_sizes_need_a_size(tmp_path):
    images = [*noise(19), *noise(1, side=9)]
    file = write(tmp_path / "all.parquet", images)
    with pytest.raises(DataError, match=r"all\.parquet#19: 9×9 pixels, the first .* 6×6"):
        import_parquet(tmp_path / "data", [file])
    manifest = import_parquet(tmp_path / "data", [file], size=(4, 5))
    assert (manifest.height, manifest.width) == (4, 5)


def broken_image(images, labels):
    images[8] = images[8][:50]
    return r"#8: cannot be decoded \(image file is truncated\)"


def missing_image(images, labels):
    images[8] = None
    return r"#8: no image bytes"


def missing_label(images, labels):
    labels[8] = None
    return r": row 8, column 'label': no label"


def large_label(images, labels):
    labels[8] = 7
    return r": row 8, column 'label': label 7 is out of range; 2 classes are named \(1 such"


def negative_label(images, labels):
    labels[8] = -1
    return r": row 8, column 'label': label -1 is out of range"


@pytest.mark.parametrize("spoil", [broken_image, missing_image, missing_label, large_label, negative_label])
def test_one_bad_row_is_named_and_nothing_is_written(tmp_path, spoil):
    images, labels = noise(30), [i % 2 for i in range(30)]
    train = write(tmp_path / "train.parquet", images, labels)
    before = import_parquet(tmp_path / "data", [train])
    message = spoil(images, labels)
    test = write(tmp_path / "test.parquet", images, labels)
    with pytest.raises(DataError, match=rf"test\.parquet{message}"):
        import_parquet(tmp_path / "data", [train], [test])
    assert open_dataset(tmp_path / "data").manifest == before
    left = {p.name for p in tmp_path.iterdir()} - {".data.work"}  # the other images, where one could not be decoded
    assert left == {"data", "test.parquet", "train.parquet"}


def test_unreadable_and_empty_files_and_other_classes_are_refused(tmp_path):
    good = write(tmp_path / "good.parquet", noise(20))
    (tmp_path / "text.parquet").write_text("no parquet")
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(good.read_bytes()[:-100])
    empty = write(tmp_path / "empty.parquet", [])
    birds = write(tmp_path / "birds.parquet", noise(20), names=("hawk", "wren"))
    for file, message in (
        (tmp_path / "none.parquet", "no such file"),
        (tmp_path / "text.parquet", "cannot be read as parquet"),
        (cut, "cannot be read as parquet"),
        (empty, "no rows"),
        (birds, "class names are not those of"),
    ):
        with pytest.raises(DataError, match=f"{file.name}.*{message}"):
            import_parquet(tmp_path / "data", [good], [file])
    assert not (tmp_path / "data").exists()
    given = import_parquet(tmp_path / "data", [good], [birds], class_names=("a", "b"))
    assert given.class_names == ("a", "b")


def test_a_label_that_no_data_set_of_this_size_has_is_refused_at_once(tmp_path):
    labels = [i % 2 for i in range(30)]
    labels[8] = 3_000_000_000
    file = write(tmp_path / "a.parquet", noise(30), labels, names=None)
    with pytest.raises(DataError, match=r"a\.parquet: row 8, column 'label': label 3000000000 .* train has 30 images"):
        import_parquet(tmp_path / "data", [file])
    labels[8] = -4
    file = write(tmp_path / "b.parquet", noise(30), labels, names=None)
    with pytest.raises(DataError, match=r"b\.parquet: row 8, column 'label': label -4 is out of range"):
        import_parquet(tmp_path / "data", [file])


@pytest.mark.parametrize(
    ("labels", "recorded", "given", "words"),
    [
        ([0] * 30, None, None, r"a\.parquet: column 'label': 1 class; a classifier needs at least 2"),
        ([-1] * 30, None, None, "0 classes; a classifier needs at least 2"),
        ([0] * 30, ("cat",), None, r"a\.parquet: class names in the metadata: 1 class;"),
        (None, ("cat", "cat"), None, r"a\.parquet: class names in the metadata: 'cat' stands twice"),
        (None, None, ["cat", "dog", "cat"], "the given class names: 'cat' stands twice"),
        (None, None, ["cat", ""], "the given class names: the name of class 1 is empty"),
        (None, ("cat", "dog"), [], "the given class names: 0 classes"),
    ],
)
def test_classes_are_at_least_two_and_distinct(tmp_path, labels, recorded, given, words):
    file = write(tmp_path / "a.parquet", noise(30), labels, names=recorded)
    with pytest.raises(DataError, match=words):
        import_parquet(tmp_path / "data", [file], class_names=given)
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]


def shards(folder, images):
    folder.mkdir()
    files = [write(folder / f"train-{i:05}-of-00003.parquet", images[i * 20 : i * 20 + 20]) for i in (2, 0, 1)]
    (folder / "README.md").write_text("not a shard")
    return files


@pytest.mark.slow
def test_a_folder_and_a_pattern_stand_for_their_files_in_the_order_of_names(tmp_path):
    images = noise(60)
    shards(tmp_path / "shards", images)
    whole = write(tmp_path / "whole.parquet", images)
    by_folder = import_parquet(tmp_path / "a", [tmp_path / "shards"], seed=1)
    by_pattern = import_parquet(tmp_path / "b", [tmp_path / "shards" / "train-*.parquet"], seed=1)
    one = import_parquet(tmp_path / "c", [whole], seed=1)
    assert by_folder.digest == by_pattern.digest
    assert {s: i.images_sha256 for s, i in by_folder.splits.items()} == {
        s: i.images_sha256 for s, i in one.splits.items()
    }
    assert by_folder.name == "shards"
    assert open_dataset(tmp_path / "a").items("train").names[0].startswith("train-00000-of-00003.parquet#")


def test_a_file_that_is_named_twice_and_an_empty_folder_are_refused(tmp_path):
    files = shards(tmp_path / "shards", noise(60))
    with pytest.raises(DataError, match=r"train-00002-of-00003\.parquet: named for train and for test"):
        import_parquet(tmp_path / "a", [tmp_path / "shards"], [files[0]])
    with pytest.raises(DataError, match="named twice"):
        import_parquet(tmp_path / "a", [files[0], files[0]])
    (tmp_path / "empty").mkdir()
    for nothing in (tmp_path / "empty", tmp_path / "no-*.parquet"):
        with pytest.raises(DataError, match=r"no \.parquet file there"):
            import_parquet(tmp_path / "a", [nothing])


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_rows_start_anywhere(tmp_path, batch):
    images = noise(30)
    images[12] = None
    part = list_parquet([write(tmp_path / "a.parquet", images)]).parts["train"][0]  # seven rows a group
    for start in (0, 1, 6, 7, 8, 20, 29, 30):
        rows = [row for rows in part.rows(start, batch) for row in rows]
        assert [row if isinstance(row, bytes) else None for row in rows] == images[start:]


@pytest.mark.slow
@pytest.mark.shared
def test_real_images_come_in(tmp_path, shared_data):
    manifest = import_parquet(tmp_path / "data", [shared_data / "cifar10-test.parquet"], name="cifar10", seed=0)
    assert {split: info.per_class for split, info in manifest.splits.items()} == {
        "train": (400,) * 10,
        "validation": (50,) * 10,
        "test": (50,) * 10,
    }
    assert manifest.class_names[:3] == ("airplane", "automobile", "bird")
    assert (manifest.height, manifest.width) == (32, 32)
    digests = [digest for digests in split_digests(tmp_path / "data").values() for digest in digests]
    assert len(set(digests)) == 5000
