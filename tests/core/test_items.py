"""What a data set knows of the original files, and what it left out."""

from __future__ import annotations

import numpy as np
import pytest

from podium.data import Dataset, Excluded, Items, open_dataset, write_dataset, writing
from podium.data.items import names
from podium.errors import DataError


def known(names: list[str], **changes: object) -> Items:
    """Items of as many images, of which all fields are told apart."""
    count = len(names)
    fields = {
        "names": names,
        "widths": np.arange(1, count + 1, dtype=np.int32),
        "heights": np.arange(2, count + 2, dtype=np.int32),
        "modes": ["L", "RGB", "I;16"] * count,
        "formats": ["JPEG", "PNG", ""] * count,
        "orientations": np.arange(count, dtype=np.uint8) % 9,
        "groups": ["", "patient\t1", "Ä 2"] * count,
    }
    for field in ("modes", "formats", "groups"):
        fields[field] = fields[field][:count]
    return Items(**{**fields, **changes})


def rewrite(dataset: Dataset, **more: object) -> Dataset:
    splits = {name: (np.array(s.images), np.array(s.labels)) for name, s in dataset.splits.items()}
    names = dataset.manifest.class_names
    write_dataset(dataset.path, splits, name="x", class_names=names, source="s", licence="l", **more)
    return open_dataset(dataset.path)


def test_items_come_back_as_they_were_given(small_dataset: Dataset) -> None:
    names = ["a\tb", "a\nb", "a\\nb", "\\", "ünï/cøde 漢.png", " spaced ", "a\rb", "[red]<b>", *map(str, range(22))]
    given = known(names)
    dataset = rewrite(small_dataset, items={"test": given})
    dataset.verify()
    found = dataset.items("test")
    for field in ("names", "modes", "formats", "groups"):
        assert list(getattr(found, field)) == list(getattr(given, field)), field
    for field in ("widths", "heights", "orientations"):
        np.testing.assert_array_equal(getattr(found, field), getattr(given, field))
    lines = (dataset.path / "test.items.tsv").read_bytes().split(b"\n")
    assert lines[0] == b"name\twidth\theight\tmode\tformat\torientation\tgroup"
    assert lines[1] == b"a\\tb\t1\t2\tL\tJPEG\t\t"
    assert len(lines) == 32


def test_names_of_some_images_are_those_of_all_of_them(small_dataset: Dataset) -> None:
    given = known(["a\tb", "a\nb", "\\n", "ünï/漢.png", "a\rb", *map(str, range(25))])
    dataset = rewrite(small_dataset, items={"test": given})
    wanted = [29, 0, 3, 1, 2, 4, 3]
    assert names(dataset, "test", wanted) == [given.names[i] for i in wanted]
    assert names(dataset, "test", np.arange(30)) == list(dataset.items("test").names)
    assert names(dataset, "test", []) == []
    for outside in (-1, 30):
        with pytest.raises(IndexError, match="of 30 images"):
            names(dataset, "test", [outside])


def test_names_are_read_no_further_than_needed(small_dataset: Dataset) -> None:
    file = small_dataset.path / "test.items.tsv"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:11]))
    assert names(small_dataset, "test", [9]) == ["test/9"]
    with pytest.raises(DataError, match=r"test\.items\.tsv: cannot be read .* \(fewer than 11 lines for 30 images\)"):
        names(small_dataset, "test", [0, 10])
    file.write_bytes(b"".join(lines[1:]))
    with pytest.raises(DataError, match="first line is not name width"):
        names(small_dataset, "test", [0])
    file.unlink()
    with pytest.raises(DataError, match="No such file"):
        names(small_dataset, "test", [0])


def test_items_of_arrays_are_named_by_their_place(small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    items = small_dataset.items("validation")
    assert list(items.names) == [f"validation/{i}" for i in range(30)]
    assert set(items.modes) == {"RGB"}
    assert set(items.formats) == {""}
    assert (items.widths == 32).all()
    digest = small_dataset.manifest.digest
    monkeypatch.setattr(writing, "_BLOCK_BYTES", 10_000)  # three images a block
    assert rewrite(small_dataset).manifest.digest == digest


def test_a_name_that_utf_8_cannot_hold_is_written_as_its_code(small_dataset: Dataset) -> None:
    names = ["a\udcff.png", *map(str, range(29))]
    assert rewrite(small_dataset, items={"test": known(names)}).items("test").names[0] == "a\\udcff.png"


def test_the_digest_covers_the_items(small_dataset: Dataset) -> None:
    before = small_dataset.manifest.digest
    names = [f"validation/{i}" for i in range(30)]
    assert rewrite(small_dataset, items={"validation": known(names)}).manifest.digest != before


def test_items_of_another_number_are_refused(small_dataset: Dataset) -> None:
    with pytest.raises(DataError, match="test: items are 3 for 30 images"):
        rewrite(small_dataset, items={"test": known(["a", "b", "c"])})


def test_changed_items_are_found(small_dataset: Dataset) -> None:
    file = small_dataset.path / "test.items.tsv"
    file.write_bytes(file.read_bytes().replace(b"test/7", b"test/8"))
    with pytest.raises(DataError, match=r"test\.items\.tsv: its content is not what"):
        open_dataset(small_dataset.path).verify()


def test_what_was_excluded_is_listed(small_dataset: Dataset) -> None:
    dataset = rewrite(small_dataset, excluded=[Excluded("train", "a\nb.png", "cut"), Excluded("test", "c", "text")])
    assert dataset.manifest.excluded == 2
    file = dataset.path / "excluded.tsv"
    assert file.read_text() == "split\tname\treason\ntrain\ta\\nb.png\tcut\ntest\tc\ttext\n"
    dataset.verify()
    file.unlink()
    with pytest.raises(DataError, match=r"dataset\.json: excluded: says 2, excluded\.tsv lists 0"):
        dataset.verify()
