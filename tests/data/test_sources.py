"""What every source owes: pixels, names, determinism, bad images told at once, splits drawn with groups together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from podium.data import open_dataset
from podium.data.importing import ImportOptions, import_images
from podium.data.importing.listing import Unreadable
from podium.data.sources import SOURCES
from podium.errors import DataError
from tests.data.source_examples import EXAMPLES

every = pytest.mark.parametrize("example", EXAMPLES, ids=[example.title for example in EXAMPLES])
OPTIONS = ImportOptions(name="small", licence="CC0-1.0", validation_fraction=0.2, test_fraction=0.2)


def rows_of(part, start=0, batch=5):
    return [row for rows in part.rows(start, batch) for row in rows]


def same(row, other):
    return (row == other).all() if isinstance(row, np.ndarray) else row == other


def test_every_source_has_an_example():
    listed = {name for name, source in SOURCES.items() if source.listing}
    assert {example.source for example in EXAMPLES} == listed
    embedded = [name for name, source in SOURCES.items() if source.embedded]
    assert listed | set(embedded) == set(SOURCES)


@every
def test_rows_are_the_same_from_any_start_and_in_any_batch(example, tmp_path):
    for parts in example.make(tmp_path, False).parts.values():
        for part in parts:
            whole = rows_of(part)
            assert len(whole) == len(part.labels) == len({part.name(row) for row in range(len(whole))})
            assert not any(isinstance(row, Unreadable) for row in whole)
            for start, batch in ((0, 1000), (7, 3), (len(whole) - 1, 2), (len(whole), 4)):
                again = rows_of(part, start, batch)
                assert all(map(same, again, whole[start:]))
                assert len(again) == len(whole) - start
            assert all(file.is_file() for file in part.files)


@every
def test_import_gives_each_image_its_label_and_name(example, tmp_path):
    (tmp_path / "files").mkdir()
    listing = example.make(tmp_path / "files", False)
    assert tuple(split for split, parts in listing.parts.items() if parts) == example.splits
    manifest = import_images(listing, OPTIONS, tmp_path / "data")
    dataset = open_dataset(tmp_path / "data")
    dataset.verify()
    assert manifest.class_names == listing.class_names
    assert manifest.source.startswith(listing.description)
    assert str(tmp_path) not in manifest.source
    expected = {
        part.name(row): int(part.labels[row])
        for parts in listing.parts.values()
        for part in parts
        for row in range(len(part.labels))
    }
    found = {}
    for split, pool in dataset.splits.items():
        assert len(pool.labels) > 0
        found |= dict(zip(dataset.items(split).names, pool.labels.tolist(), strict=True))
    assert found == expected
    for split in example.splits[1:]:
        assert len(dataset[split].labels) == sum(len(part.labels) for part in listing.parts[split])
    assert [entry.name for entry in tmp_path.iterdir() if entry.name not in ("files", "data")] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, source in SOURCES.items() if source.embedded])
def test_an_embedded_source_gives_the_same_bytes_every_time(name, tmp_path):
    manifests = [SOURCES[name].embedded(tmp_path / place) for place in ("a", "b")]
    assert manifests[0] == manifests[1]
    dataset = open_dataset(tmp_path / "a")
    dataset.verify()
    for split in manifests[0].splits:
        names = dataset.items(split).names
        assert len(set(names)) == len(names) == manifests[0].splits[split].count


@pytest.mark.slow
@every
def test_the_same_files_elsewhere_give_the_same_data_set(example, tmp_path):
    digests = set()
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        listing = example.make(tmp_path / place, False)
        digests.add(import_images(listing, OPTIONS, tmp_path / f"data-{place}").digest)
    assert len(digests) == 1
    if len(example.splits) < 3:
        other = OPTIONS.model_copy(update={"seed": 1})
        assert import_images(listing, other, tmp_path / "data-c").digest not in digests


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.encoded], ids=[e.title for e in EXAMPLES if e.encoded])
def test_bad_images_are_told_all_at_once_and_can_be_skipped(example, tmp_path):
    (tmp_path / "files").mkdir()
    listing = example.make(tmp_path / "files", True)
    total = sum(len(part.labels) for parts in listing.parts.values() for part in parts)
    with pytest.raises(DataError, match=f"3 of {total} images cannot be imported") as caught:
        import_images(listing, OPTIONS, tmp_path / "data")
    assert "--skip-bad" in caught.value.remedy
    assert not (tmp_path / "data").exists()
    skip = OPTIONS.model_copy(update={"on_bad": "skip"})
    manifest = import_images(listing, skip, tmp_path / "data")
    assert sum(info.count for info in manifest.splits.values()) == total - 3
    lines = (tmp_path / "data" / "excluded.tsv").read_text().splitlines()
    assert len(lines) == 4
    for line in lines[1:]:
        assert line.split("\t")[1] in caught.value.message
    names = [name for split in manifest.splits for name in open_dataset(tmp_path / "data").items(split).names]
    assert len(set(names)) == total - 3


@dataclasses.dataclass(frozen=True)
class Grouped:
    """A part with other groups."""

    part: object
    groups: list[str]

    def __getattr__(self, name):
        return getattr(self.part, name)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if len(e.splits) < 3], ids=lambda example: example.title)
def test_splits_that_are_missing_are_drawn_with_groups_together(example, tmp_path):
    listing = example.make(tmp_path, False)
    parts = []
    for number, part in enumerate(listing.parts["train"]):
        ranks = [int((part.labels[:row] == label).sum()) for row, label in enumerate(part.labels)]
        groups = [f"{label}" if rank < 2 else "" for label, rank in zip(part.labels.tolist(), ranks, strict=True)]
        parts.append(Grouped(part, ["" if number else group for group in groups]))
    import_images(dataclasses.replace(listing, parts={**listing.parts, "train": parts}), OPTIONS, tmp_path / "data")
    dataset = open_dataset(tmp_path / "data")
    where: dict[str, set[str]] = {}
    for split in ("train", "validation", "test"):
        for group in filter(None, dataset.items(split).groups):
            where.setdefault(group, set()).add(split)
    drawn = {"train", "validation", "test"} - set(example.splits[1:])
    assert len(where) == len(listing.class_names)
    assert all(len(splits) == 1 for splits in where.values())
    assert all(set(dataset[split].labels) == set(range(len(listing.class_names))) for split in drawn)
