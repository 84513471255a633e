"""Columns of parquet files: which are taken, what is said of it, and labels as text."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from podium.data.sources import list_parquet
from podium.drift.opening import open_population
from podium.errors import DataError
from tests.data.made import noise, write

IMAGES = noise(6)
NAMES = ["dog", "cat", "dog", "eel", "cat", "dog"]
NUMBERS = [0, 1, 0, 1, 2, 2]


def file(root, name="a.parquet", **columns):
    pq.write_table(pa.table({"image": IMAGES, **columns}), root / name)
    return root / name


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())],
    ids=["string", "large", "dictionary"],
)
def test_labels_as_text_are_class_names(tmp_path, kind):
    first = file(tmp_path, label=pa.array(NAMES).cast(kind), width=NUMBERS)
    second = file(tmp_path, "b.parquet", label=pa.array(["cat"] * 5 + [" eel "]).cast(kind))
    listing = list_parquet([first], [second])
    assert listing.class_names == ("cat", "dog", "eel")
    assert listing.parts["train"][0].labels.tolist() == [1, 0, 1, 2, 0, 1]
    assert listing.parts["test"][0].labels.tolist() == [0] * 5 + [2]
    assert listing.notes == ()
    named = list_parquet([first], class_names=["eel", "dog", "cat", "fox"])
    assert named.class_names == ("eel", "dog", "cat", "fox")
    assert named.parts["train"][0].labels.tolist() == [1, 2, 1, 0, 2, 1]
    with pytest.raises(DataError, match=r"a\.parquet: row 3, column 'label': label 'eel' is none of the 2 classes"):
        list_parquet([first], class_names=["dog", "cat"])


def test_text_of_any_column_is_taken_if_it_is_named(tmp_path):
    given = file(tmp_path, species=NAMES, width=NUMBERS)
    listing = list_parquet([given], label_column="species")
    assert (listing.class_names, listing.notes) == (("cat", "dog", "eel"), ())
    found = list_parquet([given])
    assert found.class_names == ("0", "1", "2")
    assert found.notes == (
        "a.parquet: labels are read from column 'width', the only one of a fitting type; --label-column names another",
    )


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"label": [0.5] * 6, "width": NUMBERS}, "'label' holds double, which is no class number or name"),
        ({"labels": [[1]] * 6, "width": NUMBERS}, "'labels' holds list<"),
        ({"a": NUMBERS, "b": NUMBERS}, "several that could be one: 'a', 'b'"),
        ({"label": [None] * 6, "width": NUMBERS}, "'label' holds null"),
    ],
)
def test_another_column_is_never_taken_in_place_of_one_of_a_usual_name(tmp_path, columns, says):
    with pytest.raises(DataError, match=f"no label column.*{says}") as caught:
        list_parquet([file(tmp_path, **columns)])
    assert "--label-column" in caught.value.remedy


def test_fine_labels_are_taken_and_the_coarse_ones_told(tmp_path):
    listing = list_parquet([file(tmp_path, fine_label=NUMBERS, coarse_label=[0] * 6)])
    assert listing.parts["train"][0].labels.tolist() == NUMBERS
    assert listing.notes == (
        "a.parquet: labels are read from column 'fine_label', not from 'coarse_label'; --label-column names another",
    )


def test_numbers_keep_the_names_of_the_metadata(tmp_path):
    listing = list_parquet([write(tmp_path / "a.parquet", IMAGES, [0, 1] * 3)])
    assert (listing.class_names, listing.notes) == (("cat", "dog"), ())


def test_a_comparison_reads_columns_as_an_import_does(tmp_path):
    def opened(**columns):
        path = file(tmp_path, **columns)
        with open_population(str(path), "all", data=tmp_path, record=tmp_path, revisions=False) as population:
            return population.class_names, population.notes

    assert opened(label=NAMES, width=NUMBERS) == (("cat", "dog", "eel"), ())
    names, (note,) = opened(width=NUMBERS)
    assert names == ("0", "1", "2")
    assert note == "a.parquet: labels are read from column 'width', the only one of a fitting type."
    names, (note,) = opened(label=[0.5] * 6, width=NUMBERS)
    assert names is None
    assert "so there are no labels" in note


def test_a_comparison_takes_the_files_of_all_splits(tmp_path):
    file(tmp_path, "train-0.parquet", label=NAMES)
    file(tmp_path, "test-0.parquet", label=NAMES)
    with open_population(str(tmp_path), "all", data=tmp_path, record=tmp_path, revisions=False) as population:
        assert len(population) == 12
