"""Folders of class folders: classes, splits, order, links."""

import shutil

import pytest

from podium.data.sources import list_folder
from podium.errors import DataError
from tests.data.source_made import encode, pictures, write_folder


def names(part):
    return [part.name(row) for row in range(len(part.labels))]


def test_classes_are_the_sorted_names_and_images_come_in_order_from_any_depth(tmp_path):
    for i, path in enumerate(("b/2.png", "b/10.png", "b/1/9.png", "B/x.png", "a 1/x.jpeg", "ä/x.PNG")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(encode(pictures(9)[i]))
    listing = list_folder(tmp_path)
    assert listing.class_names == ("B", "a 1", "b", "ä")
    (part,) = listing.parts["train"]
    assert names(part) == ["B/x.png", "a 1/x.jpeg", "b/10.png", "b/2.png", "b/1/9.png", "ä/x.PNG"]
    assert part.labels.tolist() == [0, 1, 2, 2, 2, 3]
    assert list(part.files[1:3]) == [tmp_path / "a 1/x.jpeg", tmp_path / "b/10.png"]
    assert listing.description == f"folder: {tmp_path.name}"


@pytest.mark.parametrize(
    ("given", "splits"),
    [
        (("train",), ["train"]),
        (("Train", "TEST"), ["train", "test"]),
        (("training", "valid", "testing"), ["train", "validation", "test"]),
        (("train", "val"), ["train", "validation"]),
        (("train", "validation", "test"), ["train", "validation", "test"]),
        (("train", "dev"), ["train", "validation"]),
    ],
)
def test_splits_by_their_usual_names(tmp_path, given, splits):
    listing = list_folder(write_folder(tmp_path, 2, splits=given))
    assert list(listing.parts) == splits
    assert [len(part.labels) for parts in listing.parts.values() for part in parts] == [6] * len(splits)
    assert names(listing.parts["train"][0])[0] == f"{given[0]}/bus/00.png"


def test_a_class_may_be_called_test_or_be_missing_from_test(tmp_path):
    write_folder(tmp_path / "a", 2)
    (tmp_path / "a/car").rename(tmp_path / "a/test")
    assert list_folder(tmp_path / "a").class_names == ("bus", "test", "tram")
    write_folder(tmp_path / "b", 2, splits=("train", "test"))
    shutil.rmtree(tmp_path / "b/test/car")
    listing = list_folder(tmp_path / "b")
    assert listing.parts["test"][0].labels.tolist() == [0, 0, 2, 2]
    shutil.rmtree(tmp_path / "b/test/bus")
    shutil.rmtree(tmp_path / "b/test/tram")
    (tmp_path / "b/test/tram").mkdir()
    with pytest.raises(DataError, match="no image in the folder of class"):
        list_folder(tmp_path / "b")


def test_links_to_files_and_folders_elsewhere_are_followed_once(tmp_path):
    write_folder(tmp_path / "pool", 2)
    (tmp_path / "set/a").mkdir(parents=True)
    (tmp_path / "set/a/one.png").symlink_to(tmp_path / "pool/bus/00.png")
    (tmp_path / "set/b").symlink_to(tmp_path / "pool/car")
    (tmp_path / "set/a/again").symlink_to(tmp_path / "pool/tram")
    (tmp_path / "set/a/twice").symlink_to(tmp_path / "pool/tram")
    listing = list_folder(tmp_path / "set")
    assert names(listing.parts["train"][0]) == [
        "a/one.png", "a/again/00.png", "a/again/01.png", "b/00.png", "b/01.png",
    ]  # fmt: skip
    assert [(ignored.name, ignored.reason) for ignored in listing.ignored] == [
        ("a/twice", "a link to a folder that is already read: a/again")
    ]


def test_what_is_ignored_is_told_with_its_place(tmp_path):
    write_folder(tmp_path, 2, splits=("train", "test"))
    for name in ("notes.txt", "train/notes.txt", "train/bus/notes.txt", "test/bus/.x.png"):
        (tmp_path / name).write_text("x")
    (tmp_path / "masks").mkdir()
    assert sorted((ignored.name, ignored.reason) for ignored in list_folder(tmp_path).ignored) == [
        ("notes.txt", "not in the folder of a class"),
        ("test/bus/.x.png", "hidden"),
        ("train/bus/notes.txt", "not an image by its name"),
        ("train/notes.txt", "not in the folder of a class"),
    ]


def write_empty(root, *folders):
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "x.png").touch()
    return root


@pytest.mark.parametrize(
    ("folders", "outer", "shared"),
    [
        (("siteA/cat", "siteA/dog", "siteB/cat"), "'siteA', 'siteB'", "'cat'"),
        (("siteA/cat", "siteA/dog", "siteB/cat", "siteB/dog"), "'siteA', 'siteB'", "'cat', 'dog'"),
        (("a/cat/deep", "a/dog/deep", "b/dog", "b/cat", "c/dog"), "'a', 'b', 'c'", "'cat', 'dog'"),
        (("a/0", "a/1", "b/0", "b/1"), "'a', 'b'", "'0', '1'"),
        (("train/a/cat", "train/a/dog", "train/b/cat", "train/b/dog"), "'a', 'b'", "'cat', 'dog'"),
    ],
)
def test_sites_are_not_taken_for_classes(tmp_path, folders, outer, shared):
    with pytest.raises(DataError) as caught:
        list_folder(write_empty(tmp_path, *folders))
    place = tmp_path / "train" if folders[0].startswith("train") else tmp_path
    assert caught.value.message == (
        f"{place}: {outer} would be the classes, but they hold folders of the same names: {shared}"
    )
    first = shared.split(",")[0].strip("'")
    assert f"put it first ({first}/{folders[0].split('/')[-2 if 'deep' not in folders[0] else 0]}/IMAGE)" in (
        caught.value.remedy
    )
    assert "podium data import table" in caught.value.remedy


@pytest.mark.parametrize(
    "folders",
    [
        ("cat/images", "dog/images"),  # as Tiny ImageNet has it
        ("animals/cat", "animals/dog", "vehicles/car", "vehicles/truck"),
        ("animals/cat", "animals/dog", "animals/other", "vehicles/car", "vehicles/truck", "vehicles/other"),
        ("ada/0", "ada/1", "ada/2", "grace/0", "grace/1"),  # a folder a video
        ("cat", "cat/2020", "cat/2021", "dog/2020x", "dog/2021"),
        ("siteA/cat", "siteA/dog", "siteB/cat", "siteB/dog", "siteB"),
        ("cat/a", "cat/b", "dog"),
    ],
)
def test_the_first_level_is_the_classes_where_what_is_below_may_be_something_else(tmp_path, folders):
    write_empty(tmp_path, *sorted(folders))
    assert list_folder(tmp_path).class_names == tuple(sorted({folder.split("/")[0] for folder in folders}))
