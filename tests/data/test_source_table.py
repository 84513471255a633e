"""Tables: columns, paths, labels, groups."""

import numpy as np
import pytest

from podium.data.sources import list_table
from podium.errors import DataError
from tests.data.source_made import NAMES, write_table


def test_labels_splits_and_groups_are_those_of_the_lines(tmp_path):
    file = write_table(tmp_path / "t.tsv", 4, splits=("train", "test"), group_of=2, sep="\t")
    listing = list_table(file)
    assert listing.class_names == NAMES
    assert list(listing.parts) == ["train", "test"]
    (part,) = listing.parts["test"]
    assert [part.name(row) for row in range(2)] == ["images/test 000.png", "images/test 001.png"]
    assert part.labels.dtype == np.int64
    assert part.labels.tolist() == [0, 1, 2] * 4
    assert list(part.groups) == ["g0", "g1", "g2"] * 2 + ["g3", "g4", "g5"] * 2
    assert part.files[0] == file
    assert listing.description == "table: t.tsv"


def test_a_group_may_be_missing_on_a_line(tmp_path):
    file = write_table(tmp_path / "t.csv", 2, group_of=1)
    file.write_text(file.read_text().replace(",g1\n", ",\n"))
    assert list(list_table(file).parts["train"][0].groups) == ["g0", "", "g2", "g3", "g4", "g5"]


def test_images_may_lie_elsewhere_and_paths_be_absolute_there(tmp_path):
    write_table(tmp_path / "t.csv", 2)
    other = tmp_path / "lists"
    other.mkdir()
    text = (tmp_path / "t.csv").read_text().replace("images/all 000", f"{tmp_path}/images/all 000")
    (other / "t.csv").write_text(text)
    (part,) = list_table(other / "t.csv", images=tmp_path).parts["train"]
    assert [part.name(row) for row in range(2)] == ["images/all 000.png", "images/all 001.png"]
    assert all(isinstance(row, bytes) for rows in part.rows(0, 4) for row in rows)
    with pytest.raises(DataError, match=r"line 2: .* leads out of .*") as caught:
        list_table(tmp_path / "lists" / "t.csv")
    assert "--images" in caught.value.remedy


def test_whole_numbers_are_labels_and_named_ones_keep_their_order(tmp_path):
    file = write_table(tmp_path / "t.csv", 2)
    for number, name in ((2, "bus"), (0, "car"), (1, "tram")):
        file.write_text(file.read_text().replace(f",{name}\n", f",{number}\n"))
    plain = list_table(file)
    assert plain.class_names == ("0", "1", "2")
    assert plain.parts["train"][0].labels.tolist() == [2, 0, 1] * 2
    named = list_table(file, class_names=["x", "y", "z", "never"])
    assert named.class_names == ("x", "y", "z", "never")
    assert list_table(file, class_names=["2", "1", "0"]).parts["train"][0].labels.tolist() == [0, 2, 1] * 2


def test_all_wrong_lines_are_told_at_once(tmp_path):
    file = write_table(tmp_path / "t.csv", 2)
    file.write_text(file.read_text() + "".join(f"images/{i}.png,boat\n" for i in range(12)))
    with pytest.raises(DataError, match=r"line 8: label 'boat' .*12 such: .*line 17, and 2 more"):
        list_table(file, class_names=NAMES)
    file.write_text(file.read_text().replace("images/3.png,boat", "images/3.png,"))
    with pytest.raises(DataError, match="line 11: no label"):
        list_table(file)
