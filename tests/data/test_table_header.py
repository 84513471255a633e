"""Columns of a table: those that are not used are told, those that may be meant are refused."""

import pytest

from podium.data.sources import list_table
from podium.errors import DataError
from tests.data.source_made import write_table


def table(root, header, *, more=""):
    """A table whose columns ``path,label,split,group`` are called otherwise; ``more`` adds columns."""
    file = write_table(root / "t.csv", 4, splits=("train", "test"), group_of=2)
    lines = file.read_text().splitlines()
    extra = "," + more if more else ""
    values = "".join(f",{name[0]}" for name in more.split(",") if more)
    file.write_text("\n".join([header + extra, *(line + values for line in lines[1:])]) + "\n")
    return file


def test_columns_that_are_not_used_are_told(tmp_path):
    listing = list_table(table(tmp_path, "path,label,split,group", more="width,patient_id,[b]x"))
    assert listing.notes == ("t.csv: columns not used: 'width', 'patient_id', '[b]x'",)
    assert list(listing.parts) == ["train", "test"]
    assert list_table(table(tmp_path, "path,label,split,group")).notes == ()


@pytest.mark.parametrize("name", ["patient_id", "patient", "subject", "case_id", "video"])
def test_a_column_that_may_be_of_groups_is_told_with_its_option(tmp_path, name):
    file = table(tmp_path, f"path,label,split,{name}")
    used, hint = list_table(file).notes
    assert used == f"t.csv: columns not used: '{name}'"
    assert f"--group-column {name} keeps them on one side" in hint
    grouped = list_table(file, columns={"group": name.upper()})
    assert grouped.notes == ()
    assert list(grouped.parts["test"][0].groups)[:4] == ["g0", "g1", "g2", "g0"]


@pytest.mark.parametrize("name", ["image_id", "label_id", "width", "idea"])
def test_a_column_of_the_image_itself_is_no_group(tmp_path, name):
    assert len(list_table(table(tmp_path, f"path,label,split,{name}")).notes) == 1


@pytest.mark.parametrize(
    ("header", "kind", "name"),
    [
        ("path,label,splits,group", "split", "splits"),
        ("path,label,Set,group", "split", "set"),
        ("path,label,fold,group", "split", "fold"),
        ("path,label,partition,group", "split", "partition"),
        ("path,label,split,groups", "group", "groups"),
        ("path,label,split,gruop", "group", "gruop"),
        ("path,lable,split,group", "label", "lable"),
        ("path,class,split,group", "label", "class"),
        ("filename,label,split,group", "path", "filename"),
        ("paths,label,split,group", "path", "paths"),
    ],
)
def test_a_column_that_may_be_meant_is_refused_until_it_is_named(tmp_path, header, kind, name):
    file = table(tmp_path, header)
    with pytest.raises(DataError, match=f"no column '{kind}'") as caught:
        list_table(file)
    assert f"--{kind}-column {name}" in caught.value.remedy
    listing = list_table(file, columns={kind: name})
    assert listing.notes == ()
    assert {split: len(parts[0].labels) for split, parts in listing.parts.items()} == {"train": 12, "test": 12}


def test_a_named_column_has_to_be_there(tmp_path):
    with pytest.raises(DataError, match="no column 'where'; the first line names 'path', 'label'"):
        list_table(table(tmp_path, "path,label,split,group"), columns={"split": "where"})
    assert len(list_table(table(tmp_path, "path,label,split,group", more="fold")).notes) == 1
