"""Arrays: which names an .npz may use, and what the rows are."""

import numpy as np
import pytest

from podium.data.sources import list_arrays
from podium.errors import DataError
from tests.data.source_made import pictures

X, Y = pictures(9), np.arange(9) % 3


def rows(part):
    return np.stack([row for some in part.rows(0, 4) for row in some])


@pytest.mark.parametrize(
    "names", [("images", "labels"), ("x", "y"), ("data", "targets"), ("image", "label"), ("arr_0", "arr_1")]
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_usual_names_of_one_split(tmp_path, names, save):
    save(tmp_path / "a.npz", **dict(zip(names, (X, Y), strict=True)), extra=Y)
    listing = list_arrays({"train": (tmp_path / "a.npz", None)})
    (part,) = listing.parts["train"]
    assert (rows(part) == X).all()
    assert part.labels.tolist() == Y.tolist()
    assert part.name(4) == f"a.npz/{names[0]}#4"
    assert [ignored.name for ignored in listing.ignored] == ["a.npz/extra"]
    assert listing.size == (16, 16)


@pytest.mark.parametrize("pattern", ["x_{}/y_{}", "{}_images/{}_labels", "images_{}/labels_{}"])
@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_splits_as_keras_and_medmnist_name_them(tmp_path, pattern, val):
    given = {}
    for split in ("train", val, "test"):
        images, labels = (name.format(split) for name in pattern.split("/"))
        given |= {images: X[:6] if split == "train" else X[6:], labels: Y[:6] if split == "train" else Y[6:]}
    np.savez(tmp_path / "a.npz", **given)
    listing = list_arrays({"train": (tmp_path / "a.npz", None)})
    assert {split: len(parts[0].labels) for split, parts in listing.parts.items()} == {
        "train": 6, "validation": 3, "test": 3,
    }  # fmt: skip
    assert (rows(listing.parts["test"][0]) == X[6:]).all()


def test_a_file_for_each_split_gray_and_names(tmp_path):
    for split, part in (("train", slice(0, 6)), ("test", slice(6, 9))):
        np.save(tmp_path / f"{split}.npy", X[part][..., 1])
        np.save(tmp_path / f"{split}-labels.npy", np.array(["b", "a", "c"])[Y[part]])
    files = {split: (tmp_path / f"{split}.npy", tmp_path / f"{split}-labels.npy") for split in ("train", "test")}
    listing = list_arrays(files)
    assert listing.class_names == ("a", "b", "c")
    assert listing.parts["test"][0].labels.tolist() == [1, 0, 2]
    assert (rows(listing.parts["train"][0]) == X[:6, ..., 1:2]).all()
    assert rows(listing.parts["train"][0]).shape == (6, 16, 16, 3)
    assert list(listing.parts["train"][0].files) == list(files["train"])


def test_splits_of_other_sizes_or_given_twice_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    np.savez(tmp_path / "b.npz", x=pictures(9, side=8), y=Y)
    np.savez(tmp_path / "c.npz", x_train=X, y_train=Y, x_test=X, y_test=Y)
    files = {name: (tmp_path / f"{name}.npz", None) for name in "abc"}
    with pytest.raises(DataError, match="different sizes"):
        list_arrays({"train": files["a"], "test": files["b"]})
    with pytest.raises(DataError, match="test split is given twice"):
        list_arrays({"train": files["c"], "test": files["a"]})
    with pytest.raises(DataError, match="splits of its own"):
        list_arrays({"train": files["a"], "test": files["c"]})
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(DataError, match="no labels") as caught:
        list_arrays({"train": (tmp_path / "x.npy", None)})
    assert "--labels" in caught.value.remedy


def test_a_wrong_label_is_named_by_its_file_and_position(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X, y_test=np.where(np.arange(9) == 5, -3, Y))
    with pytest.raises(DataError, match=r"a\.npz/y_test: position 5: label -3 is out of range, 0 to 2"):
        list_arrays({"train": (tmp_path / "a.npz", None)})
