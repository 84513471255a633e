"""A group - a patient, a video - that stands in two splits is leakage, and is told of the later split's images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from podium.data import Dataset
from podium.data.items import HEADER, default_items, format_items
from podium.validation import CheckResult, ValidationReport, validate_dataset
from tests.validation.made import dataset, only

SUITE = only("groups_across")


def grouped(folder: Path, **groups: dict[int, str]) -> Dataset:
    """A good data set, some of whose images belong to a group."""
    made = dataset()
    for split, of in made.splits.items():
        items = default_items(split, 0, len(of), (8, 8))
        known = [groups.get(split, {}).get(i, "") for i in range(len(of))]
        (folder / f"{split}.items.tsv").write_bytes(HEADER + format_items(replace(items, groups=known)))
    return replace(made, path=folder)


def judged(given: Dataset) -> tuple[ValidationReport, dict[str, CheckResult]]:
    report = validate_dataset(given, SUITE, {})
    return report, {result.split: result for result in report.results}


def test_a_group_in_two_splits_is_critical_and_its_images_are_named(tmp_path: Path) -> None:
    given = grouped(
        tmp_path,
        train={3: "patient\t7", 9: "patient\t7", 4: "patient 8"},
        validation={2: "patient\t7", 5: "patient 9", 6: "patient 9"},
        test={0: "patient 10", 1: "patient 9", 8: "patient\t7", 11: "patient 11"},
    )
    report, found = judged(given)
    assert not report.passed
    assert set(found) == {"validation", "test"}
    assert [(image.index, image.reason) for image in found["validation"].offending] == [
        (2, "group patient\t7 also stands in train 3"),
    ]
    assert [(image.index, image.reason) for image in found["test"].offending] == [
        (1, "group patient 9 also stands in validation 5"),
        (8, "group patient\t7 also stands in train 3"),
    ]
    assert found["test"].severity == "critical"
    assert "2 (8.33 %)" in found["test"].message


@pytest.mark.parametrize(
    "groups",
    [
        {},
        {"train": {0: "a", 1: "a"}},
        {"train": {0: "a", 1: "a"}, "validation": {0: "b", 1: "b"}, "test": {0: "c"}},
        {"validation": {0: "b"}},
    ],
)
def test_groups_that_keep_to_one_split_pass(groups: dict[str, dict[int, str]], tmp_path: Path) -> None:
    report, found = judged(grouped(tmp_path, **groups))
    assert report.passed
    assert [result.observed for result in found.values()] == [0, 0]


def test_a_data_set_in_memory_has_no_groups(tmp_path: Path) -> None:
    report, found = judged(replace(dataset(), path=tmp_path))
    assert report.passed
    assert len(found) == 2
