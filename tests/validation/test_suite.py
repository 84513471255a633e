"""Suites: what is refused, with file, key and the nearest valid name; what extends what; what is cached by."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from podium.errors import ConfigError
from podium.validation import load_suite, validate_dataset
from podium.validation.expectations import EXPECTATIONS
from podium.validation.suite import core_types
from tests.conftest import ROOT
from tests.validation.made import dataset

WHOLE = {
    "id": "few",
    "table": "images",
    "type": "expect_flagged_images_to_be_few",
    "kwargs": {"column": "constant"},
    "severity": "critical",
    "meta": {"title": "t", "expected": "e", "found": "f"},
}


def write(folder, name="mine", **content):
    target = folder / "configs" / "validation" / f"{name}.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(yaml.safe_dump(content))
    return target


def one(folder, **changes):
    write(folder, expectations=[{**WHOLE, **changes}])
    return load_suite("mine", folder)


@pytest.mark.parametrize("file", sorted((ROOT / "configs" / "validation").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_suite_is_accepted(file):
    from podium.validation.judge import build

    assert len(build(load_suite(file.stem, ROOT))) >= 20


@pytest.mark.parametrize(
    ("changes", "path", "hint"),
    [
        ({"severty": "info"}, "expectations.few.severty", "severity"),
        ({"severity": "fatal"}, "expectations.few.severity", "critical"),
        ({"table": "image"}, "expectations.few.table", "images"),
        ({"type": "expect_flaged_images_to_be_few"}, "expectations.few.type", "expect_flagged_images_to_be_few"),
        ({"type": "expect_colum_max_to_be_between"}, "expectations.few.type", "expect_column_max_to_be_between"),
        ({"kwargs": {"column": "constat"}}, "expectations.few.kwargs.column", "constant"),
        ({"table": "classes"}, "expectations.few.kwargs.column", "count"),
        ({"table": "classes", "kwargs": {"column": "count"}}, "expectations.few.table", "images"),
        ({"meta": {**WHOLE["meta"], "titel": "x"}}, "expectations.few.meta.titel", "title"),
        ({"meta": {**WHOLE["meta"], "reason": "{colour}"}}, "expectations.few.meta.reason", "color"),
        ({"splits": ["tset"]}, "expectations.few.splits", "test"),
        ({"id": "A b"}, "expectations.A b.id", ""),
    ],
)
def test_what_is_wrong_is_refused_with_its_path_and_the_nearest_name(tmp_path, changes, path, hint):
    with pytest.raises(ConfigError) as caught:
        one(tmp_path, **changes)
    assert "mine.yaml" in caught.value.message
    assert path in caught.value.message
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("type_", "kwargs", "path", "hint"),
    [
        ("expect_flagged_images_to_be_few", {"column": "constant", "max_cont": 1}, "kwargs.max_cont", "max_count"),
        ("expect_flagged_images_to_be_few", {"column": "constant", "max_count": "many"}, "kwargs.max_count", "integer"),
        ("expect_flagged_images_to_be_few", {}, "kwargs.column", "required"),
        ("expect_column_max_to_be_between", {"column": "constant", "max": 1}, "kwargs.max", "max_value"),
    ],
)
def test_kwargs_are_refused_before_anything_is_measured(tmp_path, monkeypatch, type_, kwargs, path, hint):
    monkeypatch.setattr("podium.validation.run.prepare", lambda *_: pytest.fail("measured"))
    with pytest.raises(ConfigError) as caught:
        validate_dataset(dataset(), one(tmp_path, type=type_, kwargs=kwargs), {})
    assert f"expectations.few.{path}" in caught.value.message
    assert hint in str(caught.value)


def test_a_suite_states_only_what_differs(tmp_path):
    write(tmp_path, "base", expectations=[WHOLE, {**WHOLE, "id": "other"}])
    write(
        tmp_path,
        extends="base",
        drop=["other"],
        expectations=[{"id": "few", "kwargs": {"max_count": 3}, "meta": {"title": "new"}}, {**WHOLE, "id": "third"}],
    )
    few, third = load_suite("mine", tmp_path).expectations
    assert few.kwargs == {"column": "constant", "max_count": 3}
    assert (few.meta.title, few.meta.expected, third.id) == ("new", "e", "third")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"extends": "bsae"}, "did you mean 'base'"),
        ({"extends": "mine"}, "extend one another"),
        ({"extends": "base", "drop": ["fw"]}, "did you mean 'few'"),
        ({"extends": "base", "expectations": [{"id": "fex", "kwargs": {}}]}, "did you mean 'few'"),
        ({"extends": "base", "expectations": [{"id": "few"}, {"id": "few"}]}, "stands twice"),
        ({"extends": "base", "expectations": [{"kwargs": {}}]}, "id: is required"),
        ({"expectation": []}, "did you mean 'expectations'"),
        ({}, "none are stated"),
    ],
)
def test_extending_wrongly_is_refused(tmp_path, content, problem):
    write(tmp_path, "base", expectations=[WHOLE])
    write(tmp_path, **content)
    with pytest.raises(ConfigError) as caught:
        load_suite("mine", tmp_path)
    assert problem in str(caught.value)


@pytest.mark.parametrize("name", ["../secret", "no-such", "none.yaml", ""])
def test_a_suite_that_is_not_there_is_named(tmp_path, name):
    write(tmp_path, expectations=[WHOLE])
    with pytest.raises(ConfigError, match="suite"):
        load_suite(name, tmp_path)


def test_a_suite_can_be_any_file(tmp_path):
    file = write(tmp_path / "elsewhere", "own", expectations=[WHOLE])
    assert load_suite(str(file), tmp_path).name == "own"


def test_the_content_of_a_suite_decides_about_the_cache(tmp_path):
    first = one(tmp_path)
    assert first == one(tmp_path)
    assert first.model_dump_json() != one(tmp_path, kwargs={"column": "constant", "max_count": 1}).model_dump_json()


@pytest.mark.slow
def test_types_are_known_without_importing_great_expectations():
    code = (
        "import sys; from pathlib import Path; from podium.validation.suite import load_suite;"
        "load_suite('default', Path('.')); sys.exit('great_expectations' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
    assert {"expect_column_max_to_be_between", "expect_column_values_to_be_in_set"} <= core_types()


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_our_expectations_are_registered_with_great_expectations_under_their_names(name):
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.registry import get_expectation_impl

    made = EXPECTATIONS[name].load()
    assert issubclass(made, Expectation)
    assert get_expectation_impl(name) is made
    assert made.__doc__


def test_the_documentation_names_every_table_column_and_class():
    from podium.validation.measures import COLUMNS

    text = (ROOT / "docs" / "validation.md").read_text()
    names = [*COLUMNS, *EXPECTATIONS, *(column for columns in COLUMNS.values() for column in columns)]
    assert not [name for name in names if f"`{name}`" not in text]


@pytest.mark.slow
def test_the_documented_suite_is_accepted(tmp_path):
    text = (ROOT / "docs" / "validation.md").read_text()
    file = tmp_path / "documented.yaml"
    file.write_text(text.split("```yaml\n")[1].split("```")[0])
    suite = load_suite(str(file), ROOT)
    assert "dark" in {item.id for item in suite.expectations}
    assert validate_dataset(dataset(), suite, {}).passed


def test_the_pre_commit_hook_is_well_formed():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {"id", "name", "entry", "language", "files"} <= set(hook)
    assert hook["entry"] == "podium validate"


@pytest.mark.parametrize(("suite", "share"), [("cifar10", 0.004), ("pretraining", 0.002)])
def test_bounds_mean_the_same_for_any_number_of_images(suite, share):
    (item,) = [e for e in load_suite(suite, ROOT).expectations if e.id == "duplicates_across"]
    assert item.complete_kwargs() == {
        "column": "elsewhere", "max_count": 0, "max_share": share, "above": None, "below": None,
    }  # fmt: skip
    assert "max_count" not in item.meta.expected
