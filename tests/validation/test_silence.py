"""No expectation is passed over in silence: it is evaluated, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from podium.data import Dataset
from podium.errors import ConfigError
from podium.validation import ValidationReport, validate_dataset
from podium.validation.suite import load_suite

TABLES = ("images", "split", "classes", "channels", "files")


def judged(
    folder: Path, dataset: Dataset, table: str, kind: str, kwargs: dict[str, Any], **more: Any
) -> ValidationReport:
    meta = {"title": "T", "expected": "e", "found": "{observed}", "remedy": "r"}
    item = {"id": "own", "table": table, "type": kind, "kwargs": kwargs, "severity": "critical", "meta": meta, **more}
    file = folder / "own.yaml"
    file.write_text(yaml.safe_dump({"expectations": [item]}))
    return validate_dataset(dataset, load_suite(str(file), folder), {})


@pytest.mark.parametrize("table", TABLES)
def test_expectations_about_a_whole_table_are_evaluated(table: str, tmp_path: Path, small_dataset: Dataset) -> None:
    report = judged(tmp_path, small_dataset, table, "expect_table_row_count_to_equal", {"value": 77})
    assert not report.passed
    assert {result.split for result in report.results} == {"train", "validation", "test"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "kwargs", "passed"),
    [
        ("expect_column_values_to_match_regex", {"column": "name", "regex": "^zzz"}, False),
        ("expect_column_values_to_match_regex", {"column": "name", "regex": "^(train|validation|test)/"}, True),
        ("expect_compound_columns_to_be_unique", {"column_list": ["label", "maximum"]}, False),
        ("expect_column_distinct_values_to_be_in_set", {"column": "label", "value_set": [0, 1]}, False),
    ],
)
def test_names_and_several_columns_can_be_asked_about(
    kind: str, kwargs: dict[str, Any], passed: bool, tmp_path: Path, small_dataset: Dataset
) -> None:
    report = judged(tmp_path, small_dataset, "images", kind, kwargs)
    assert report.results
    assert report.passed is passed
    assert all("None" not in result.message for result in report.results)


@pytest.mark.parametrize(
    ("kind", "kwargs", "message"),
    [
        ("expect_column_values_to_match_regex", {"column": "label", "regex": "["}, "cannot be evaluated"),
        ("expect_multicolumn_sum_to_equal", {"column_list": ["label", "nope"], "sum_total": 3}, "no column 'nope'"),
        ("expect_column_values_to_be_between", {"column": "likelier", "max_value": 1}, "only tells of an offending"),
        ("expect_column_values_to_be_between", {"column": "twin", "max_value": 1}, "only tells of an offending"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    kind: str, kwargs: dict[str, Any], message: str, tmp_path: Path, small_dataset: Dataset
) -> None:
    with pytest.raises(ConfigError, match=message):
        judged(tmp_path, small_dataset, "images", kind, kwargs)


@pytest.mark.slow
def test_a_critical_one_that_no_split_can_answer_is_refused(tmp_path: Path, small_dataset: Dataset) -> None:
    kwargs = {"column": "mislabelled", "max_count": 0}
    with pytest.raises(ConfigError, match="none of its expectations applies"):
        judged(tmp_path, small_dataset, "images", "expect_flagged_images_to_be_few", kwargs, splits=["test"])
    (tmp_path / "two.yaml").write_text(
        (tmp_path / "own.yaml").read_text().replace("id: own", "id: two").replace("mislabelled", "constant")
    )
    own = yaml.safe_load((tmp_path / "own.yaml").read_text())
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({**own, "extends": "two.yaml"}))
    with pytest.raises(ConfigError, match=r"own: could not be evaluated: the table 'images' lacks mislabelled in test"):
        validate_dataset(small_dataset, load_suite("own.yaml", tmp_path), {})


def test_no_splits_at_all_are_refused(tmp_path: Path, small_dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match="splits"):
        judged(tmp_path, small_dataset, "split", "expect_table_row_count_to_equal", {"value": 1}, splits=[])
