"""Suites that cannot be meant are refused when they are loaded: file, expectation, key, value, remedy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from podium.errors import ConfigError
from podium.validation import load_suite
from podium.validation.judge import build

FLAGGED, RATIO = "expect_flagged_images_to_be_few", "expect_class_ratio_to_be_at_most"
SHARES, CLASSES = "expect_shares_to_match_train", "expect_classes_to_have_images"
FIT, BETWEEN = "expect_normalized_values_to_fit", "expect_column_values_to_be_between"
LARGEST, ROWS = "expect_column_max_to_be_between", "expect_table_row_count_to_be_between"
QUANTILES, IN_SET = "expect_column_quantile_values_to_be_between", "expect_column_values_to_be_in_set"

BOUNDS: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("images", FLAGGED, {"max_share": 5}, "max_share: 5 is no share", "5 % is 0.05"),
    ("images", FLAGGED, {"max_share": -0.1}, "max_share: -0.1 is no share", "5 % is 0.05"),
    ("images", FLAGGED, {"max_share": math.nan}, "max_share: nan", "give a number"),
    ("images", FLAGGED, {"above": math.inf}, "above: inf", "give a number"),
    ("images", FLAGGED, {"max_count": -1}, "max_count: ", "not -1"),
    ("images", FLAGGED, {"max_count": 1.5}, "max_count: ", "not 1.5"),
    ("images", FLAGGED, {"above": 8, "below": 3}, "above: 8 and below: 3", "two expectations"),
    ("images", FLAGGED, {"row_condition": "x"}, "row_condition: unknown key", "use one of"),
    ("classes", RATIO, {"max_ratio": -1}, "max_ratio: -1 is no ratio", "equal classes are 1"),
    ("classes", RATIO, {"max_ratio": 0.5}, "max_ratio: 0.5 is no ratio", "1 or more"),
    ("classes", SHARES, {"min_p_value": 0}, "min_p_value: 0 is no p-value", "0.001"),
    ("classes", SHARES, {"min_p_value": 1.0}, "min_p_value: 1 is no p-value", "0.001"),
    ("classes", SHARES, {"min_difference": 2}, "min_difference: 2 is no share", "0.05"),
    ("classes", CLASSES, {"min_count": -3}, "min_count: ", "not -3"),
    ("contracts", FIT, {"max_mean": 0, "max_factor": 2}, "max_mean: ", "not 0"),
    ("contracts", FIT, {"max_mean": 1, "max_factor": 1}, "max_factor: 1 is no factor", "greater than 1"),
    ("images", BETWEEN, {"column": "maximum", "min_value": 9, "max_value": 3}, "min_value: 9 is greater", "max_value"),
    (
        "images",
        BETWEEN,
        {"column": "maximum", "min_value": 3, "max_value": 3, "strict_min": True},
        "min_value: 3 is as great as",
        "strict_min",
    ),
    ("images", BETWEEN, {"column": "maximum", "max_value": 9, "mostly": 95}, "mostly: 95 is no share", "0.95"),
    ("images", BETWEEN, {"column": "maximum", "max_value": math.nan}, "max_value: nan", "give a number"),
    ("split", LARGEST, {"column": "excluded_share", "max_value": 5}, "max_value: 5 is no bound", "5 % is 0.05"),
    ("split", ROWS, {"min_value": -2}, "min_value: -2 is negative", "0 or more"),
    ("images", IN_SET, {"column": "label", "value_set": []}, "value_set: is empty", "name the values"),
    ("images", IN_SET, {"column": "label", "value_set": [1, math.nan]}, "value_set.1: nan", "give a number"),
    (
        "images",
        QUANTILES,
        {"column": "maximum", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[9, 3]]}},
        "quantile_ranges.value_ranges.0: 9 is greater",
        "exchange",
    ),
    (
        "images",
        QUANTILES,
        {"column": "maximum", "quantile_ranges": {"quantiles": [50], "value_ranges": [[3, 9]]}},
        "quantile_ranges.quantiles.0: 50",
        "from 0 to 1",
    ),
]

WORDS = [
    ("found", "{observd}", "{observd} is neither", "did you mean 'observed'"),
    ("found", "{twins}", "{twins} is neither", "max_count, max_share, observed, share"),
    ("expected", "{max_value}", "{max_value} is neither", "max_"),
    ("remedy", "{cause}", "{cause} is neither", "observed"),
    ("found", "{observed:.2f}", "'{observed:.2f}' is no placeholder", "write {observed}"),
    ("found", "{observed", "'{' is no placeholder", "write {observed}"),
]


def load(folder: Path, table: str, kind: str, kwargs: dict[str, Any], **meta: str) -> None:
    if kind == FLAGGED:
        kwargs = {"column": "outlier", **kwargs}
    words = {"title": "T", "expected": "e", "found": "{observed}", "remedy": "r", **meta}
    item = {"id": "few", "table": table, "type": kind, "kwargs": kwargs, "severity": "info", "meta": words}
    (folder / "mine.yaml").write_text(yaml.safe_dump({"expectations": [item]}))
    load_suite(str(folder / "mine.yaml"), folder)


@pytest.mark.parametrize(("table", "kind", "kwargs", "problem", "remedy"), BOUNDS, ids=[row[3] for row in BOUNDS])
def test_contradictory_bounds_are_refused(
    table: str, kind: str, kwargs: dict[str, Any], problem: str, remedy: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, table, kind, kwargs)
    assert f"{tmp_path / 'mine.yaml'}: expectations.few.kwargs" in caught.value.message
    assert problem in caught.value.message
    assert remedy in str(caught.value)


@pytest.mark.parametrize(("key", "text", "problem", "remedy"), WORDS)
def test_words_that_nothing_fills_in_are_refused(
    key: str, text: str, problem: str, remedy: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "images", FLAGGED, {}, **{key: text})
    assert f"{tmp_path / 'mine.yaml'}: expectations.few.meta.{key}: " in caught.value.message
    assert problem in caught.value.message
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("table", "kind", "kwargs"),
    [
        ("images", FLAGGED, {"max_share": 1.0, "max_count": 0}),
        ("images", BETWEEN, {"column": "maximum", "min_value": 3, "max_value": 3}),
        ("classes", RATIO, {"max_ratio": 1}),
        ("split", LARGEST, {"column": "span", "min_value": 200}),
        ("split", LARGEST, {"column": "gray_shift", "max_value": 1}),
    ],
)
def test_the_ends_of_what_is_allowed_are_allowed(table: str, kind: str, kwargs: dict[str, Any], tmp_path: Path) -> None:
    load(tmp_path, table, kind, kwargs)


@pytest.mark.parametrize(("content", "found"), [("", "nothing"), ("- a\n- b\n", "a list"), ("words", "a text")])
def test_a_file_that_is_no_suite_is_named_and_told_what_one_is(content: str, found: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_suite(str(file), tmp_path)
    assert f"{file}: holds {found}, not a mapping" in caught.value.message
    assert "extends: default" in caught.value.remedy
    assert "quickstart" not in str(caught.value)


@pytest.mark.parametrize(
    ("kwargs", "where", "problem"),
    [
        ({"column": "maximum"}, ".kwargs: ", "min_value and max_value cannot both be None"),
        ({"column": "maximum", "max_value": 9, "odd": 1}, ".kwargs.odd: ", "not permitted"),
    ],
)
def test_what_great_expectations_refuses_is_told_like_the_rest(
    kwargs: dict[str, Any], where: str, problem: str, tmp_path: Path
) -> None:
    words = {"title": "T", "expected": "e", "found": "{observed}"}
    item = {"id": "few", "table": "images", "type": BETWEEN, "kwargs": kwargs, "severity": "info", "meta": words}
    (tmp_path / "below.yaml").write_text(yaml.safe_dump({"expectations": [item]}))
    (tmp_path / "mine.yaml").write_text(f"extends: {tmp_path / 'below.yaml'}\n")
    suite = load_suite(str(tmp_path / "mine.yaml"), tmp_path)
    with pytest.raises(ConfigError) as caught:
        build(suite)
    assert caught.value.message.startswith(f"{tmp_path / 'below.yaml'}: expectations.few{where}")
    assert problem in caught.value.message
    assert "__root__" not in str(caught.value)
    assert caught.value.remedy
    assert "below.yaml" not in suite.model_dump_json()  # the digest and the cache are about the content
