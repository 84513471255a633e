"""The splits that files are named for: what a folder or a pattern stands for, and what is refused."""

from pathlib import Path

import pytest

from podium.data.sources.naming import name_of_file, name_of_folder
from podium.data.sources.shards import SHARDS
from podium.data.sources.split_files import PARQUET, expand, refuse_repetition, sort_by_name, split_of
from podium.errors import DataError


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00004.parquet", "train"),
        ("validation-00000-of-00001-8f3a.parquet", "validation"),
        ("cifar10-train-000000.tar", "train"),
        ("imagenet_val_003.tar.gz", "validation"),
        ("VALID.parquet", "validation"),
        ("val2017.tar", "validation"),
        ("test.parquet", "test"),
        ("training-0.parquet", "train"),
        ("contest-0.parquet", None),
        ("trained.parquet", None),
        ("train-test.parquet", None),
        ("part-0.parquet", None),
    ],
)
def test_a_split_is_a_word_of_the_name(name, split):
    assert split_of(name) == split


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def listed(root, found):
    return {split: [str(file.relative_to(root)) for file in files] for split, files in found.items()}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("train-0.parquet", "train-1.parquet", "valid-0.parquet", "README.md", ".train-2.parquet"),
         {"train": ["train-0.parquet", "train-1.parquet"], "validation": ["valid-0.parquet"]}),
        (("data/train-0.parquet", "data/test-0.parquet", "README.md"),
         {"train": ["data/train-0.parquet"], "test": ["data/test-0.parquet"]}),
        (("plain_text/train-0.parquet", "plain_text/test-0.parquet", "images/a.png"),
         {"train": ["plain_text/train-0.parquet"], "test": ["plain_text/test-0.parquet"]}),
        (("train/0000.parquet", "test/0000.parquet"), {"train": ["train/0000.parquet"], "test": ["test/0000.parquet"]}),
        (("a.parquet", "b.parquet"), {"train": ["a.parquet", "b.parquet"]}),
    ],
)  # fmt: skip
def test_a_folder_as_the_hub_writes_it_becomes_splits(tmp_path, names, expected):
    root = tmp_path / "test"  # what the folder itself is called says nothing
    touch(root, *names)
    assert listed(root, sort_by_name([root], PARQUET)) == expected


def test_files_and_patterns_become_splits_too(tmp_path):
    touch(tmp_path, *(f"x-{split}-{i:03}.tar" for split in ("train", "test") for i in range(3)))
    given = [tmp_path / "x-train-{000..001}.tar", tmp_path / "x-test-*.tar"]
    assert listed(tmp_path, sort_by_name(given, SHARDS)) == {
        "train": ["x-train-000.tar", "x-train-001.tar"],
        "test": ["x-test-000.tar", "x-test-001.tar", "x-test-002.tar"],
    }


def test_what_names_do_not_tell_is_refused_with_the_command(tmp_path):
    touch(
        tmp_path, "a/train-0.parquet", "a/extra-0.parquet", "b/test-0.parquet", "c/fine/x.parquet", "c/coarse/x.parquet"
    )
    for folder, says, command in (
        ("a", r"extra-0\.parquet: its name does not say of which split", "parquet --train FILE --test FILE"),
        ("b", r"no file is named for the train split", f"parquet --train {tmp_path}/b/test-0.parquet"),
        ("c", r"several folders .*: 'coarse', 'fine'", f"`podium data import parquet {tmp_path}/c/coarse`"),
    ):
        with pytest.raises(DataError, match=says) as caught:
            sort_by_name([tmp_path / folder], PARQUET)
        assert command in caught.value.remedy
    with pytest.raises(DataError, match=r"no \.tar file there"):
        sort_by_name([tmp_path / "a"], SHARDS)


def test_a_folder_for_one_split_may_not_hold_files_of_another(tmp_path):
    root = tmp_path / "my data"
    touch(root, "train-0.parquet", "test-0.parquet")
    for given in (root, root / "*.parquet"):
        with pytest.raises(DataError, match=r"given for train, but test-0\.parquet in it is named for test") as caught:
            expand({"train": [given]}, PARQUET)
        assert f"`podium data import parquet '{given}'`" in caught.value.remedy
    one = {"train": [root / "test-0.parquet"], "test": [root / "train-*.parquet"]}  # said in so many words
    assert expand(one, PARQUET) == {"train": [root / "test-0.parquet"], "test": [root / "train-0.parquet"]}
    with pytest.raises(DataError, match="named for train and for test"):
        refuse_repetition({"train": [root / "a"], "test": [root / "a"]})
    with pytest.raises(DataError, match="named twice"):
        refuse_repetition({"train": [Path("a"), Path("a")]})


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("food101/train-00000-of-00001.parquet", "food101"),
        ("food101/data/train-00000-of-00008-8f3ab2.parquet", "food101"),
        ("cifar10/plain_text/test.parquet", "cifar10"),
        ("ms coco/Train/0000.parquet", "ms coco"),
        ("x/val2017.parquet", "x"),
        ("x/cifar-10.parquet", "cifar-10"),
        ("x/cifar10-train.parquet", "cifar10"),
        ("x/imagenet_2012_val_003.tar.gz", "imagenet_2012"),
        ("x/birds-train-100.tar", "birds"),
        ("x/birds-00012.tar", "birds"),
        ("x/test_birds.TAR", "birds"),
        ("x/trained-birds.contest.parquet", "trained-birds.contest"),
        ("/train-00000-of-00001.parquet", "train-00000-of-00001"),
    ],
)
def test_a_data_set_is_not_called_as_its_shard(tmp_path, file, name):
    kind = PARQUET if file.endswith("parquet") else SHARDS
    assert name_of_file(tmp_path / file, kind.suffixes) == name


def test_a_data_set_is_called_as_its_folder(tmp_path):
    assert name_of_folder(tmp_path / "food101") == "food101"
    assert name_of_folder(tmp_path / "food101" / "data" / "train") == "food101"
    assert name_of_folder(Path("/")) == ""
