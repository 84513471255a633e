"""``podium validate``: which suite is asked, what is written and told, how it ends."""

import json
import shutil

import pytest
import typer
from typer.testing import CliRunner

from podium.cli.validate import validate as command
from podium.data import write_dataset
from podium.errors import ConfigError, ValidationFailed
from tests.conftest import ROOT, make_arrays


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder with a configuration and one recipe."""
    (tmp_path / "configs").mkdir()
    shutil.copytree(ROOT / "configs" / "recipes", tmp_path / "configs" / "recipes")
    shutil.copytree(ROOT / "configs" / "validation", tmp_path / "configs" / "validation")
    (tmp_path / "configs" / "quickstart.yaml").write_text(
        "parameters:\n  config:\n    name: made\n    candidates: [simple_cnn]\n"
    )
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fill(folder, spoil=None):
    splits = {split: make_arrays(12, seed=seed) for seed, split in enumerate(("train", "validation", "test"))}
    if spoil is not None:
        splits["train"][0][spoil] = 0
    write_dataset(folder / "data", splits, name="made", class_names="abc", source="made", licence="CC0-1.0")


def invoke(*arguments):
    app = typer.Typer()
    app.command("validate")(command)
    app.command("other")(lambda: None)
    return CliRunner().invoke(app, ["validate", *map(str, arguments)])


@pytest.mark.slow
def test_the_command_passes_good_data_and_writes_both_reports(checkout):
    fill(checkout)
    page, out = checkout / "out" / "page.html", checkout / "out" / "report.json"
    result = invoke("--json", "--report", page, "--out", out)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads(out.read_text())
    assert page.read_text().startswith("<!doctype html>")
    assert {r["subject"] for r in json.loads(out.read_text())["results"]} == {None, "simple_cnn"}
    assert result.stderr.splitlines() == [f"page: {page}", f"report as JSON: {out}"]
    told = invoke("--out", out)
    assert f"report as JSON: {out}" in told.stdout
    assert not told.stderr


@pytest.mark.slow
def test_warnings_name_their_images_in_the_terminal(checkout):
    splits = {split: make_arrays(40, seed=seed) for seed, split in enumerate(("train", "validation", "test"))}
    splits["train"][0][5:12] = splits["train"][0][0]
    write_dataset(checkout / "data", splits, name="made", class_names="abc", source="made", licence="CC0-1.0")
    told = invoke().stdout
    assert "Duplicates within a split, train: images that repeat another one: 7" in told
    assert "train 5: same as train 0" in told
    assert "… and 3 more" in told


@pytest.mark.slow
def test_other_data_without_a_config_are_not_judged_by_the_suite_of_the_quickstart(checkout):
    fill(checkout)
    (checkout / "configs" / "validation" / "mine.yaml").write_text("extends: default\ndrop: [constant]\n")
    with (checkout / "configs" / "quickstart.yaml").open("a") as stream:
        stream.write("    validation: {suite: mine}\n")
    for arguments, suite in (
        ((), "mine"),
        (("--data", checkout / "data"), "default"),
        (("configs/quickstart.yaml", "--data", checkout / "data"), "mine"),
        (("--data", checkout / "data", "--suite", "mine"), "mine"),
    ):
        assert json.loads(invoke("--json", *arguments).stdout)["suite"] == suite


@pytest.mark.slow
def test_the_command_refuses_bad_data_and_still_writes_the_page(checkout):
    fill(checkout, spoil=4)
    result = invoke("--report", checkout / "page.html")
    assert isinstance(result.exception, ValidationFailed)
    assert result.exception.exit_code == 3
    (picture,) = (checkout / ".podium" / "validation").rglob("*.png")
    assert str(picture) in result.exception.message
    assert "must not be trained on" in (checkout / "page.html").read_text()


@pytest.mark.slow
def test_a_suite_given_by_name_or_file_is_the_one_that_is_asked(checkout):
    fill(checkout, spoil=4)
    lenient = checkout / "lenient.yaml"
    lenient.write_text("extends: default\nexpectations:\n  - {id: constant, kwargs: {max_count: 1}}\n")
    result = invoke("--json", "--suite", lenient, "--data", checkout / "data")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["suite"] == "lenient"
    assert "no suite 'dafault'" in str(invoke("--suite", "dafault").exception)


@pytest.mark.slow
def test_the_run_names_its_suite(checkout):
    fill(checkout, spoil=4)
    (checkout / "configs" / "validation" / "lenient.yaml").write_text("extends: default\ndrop: [constant]\n")
    with (checkout / "configs" / "quickstart.yaml").open("a") as stream:
        stream.write("    validation: {suite: lenient}\n")
    assert invoke("--json").exit_code == 0


@pytest.mark.parametrize("option", ["--report", "--out", "--data-docs"])
def test_output_paths_are_looked_at_before_anything_is_measured(option, checkout, monkeypatch):
    fill(checkout)
    monkeypatch.setattr("podium.validation.validate_dataset", lambda *_: pytest.fail("it was measured first"))
    (checkout / "file").write_text("mine")
    for path in (checkout / "file" / "page.html", checkout / "configs"):
        error = invoke(option, path).exception
        assert isinstance(error, ConfigError)
        assert str(path) in error.message
        assert error.remedy
    assert (checkout / "file").read_text() == "mine"
