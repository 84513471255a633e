"""``podium drift``: exit statuses, JSON, the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from podium.cli.drift import drift
from podium.drift.results import DriftReport
from podium.errors import ConfigError, PodiumError, RegistryError
from podium.registry import promotion
from tests.drift.made import made_dataset, made_files, made_images
from tests.registry.support import House

Cli = Any


@pytest.mark.slow
def test_no_drift_is_status_0(cli: Cli, sides: Path) -> None:
    text = cli("--reference", sides / "reference", "--current", sides / "same", "--features", "none")
    assert "No drift" in text
    assert "200 of 200 images" in text


@pytest.mark.slow
def test_drift_is_status_4_and_tells_the_kind(cli: Cli, sides: Path) -> None:
    arguments = ["--reference", sides / "reference", "--current", sides / "other", "--features", "backbone", "--json"]
    arguments += ["--sample", "100"]
    answer = cli(*arguments, code=4)
    assert answer["drift"] is True
    assert answer["kinds"] == ["labels", "pixels", "embedding"]
    assert "class blue missing" in answer["sentence"]
    assert "darker" in answer["sentence"]
    tests = {test["name"]: test for test in answer["tests"]}
    assert tests["classes"]["verdict"] == "drift"
    assert tests["embedding"]["effect"] > 0.9
    assert answer["schema_version"] == 1
    assert cli(*arguments, code=4) == answer, "reproducible"


def test_json_is_what_the_documentation_says(cli: Cli, sides: Path) -> None:
    answer = cli("--reference", sides / "reference", "--current", sides / "files", "--features", "none", "--json")
    documented = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text()
    section = documented.partition("## `podium drift --json`")[2].partition("\n## ")[0]
    for part in (answer, answer["tests"][0], answer["reference"]):
        for field in part:
            assert f"`{field}`" in section, field
    assert list(answer["skipped"][0]) == ["name", "reason"]
    assert DriftReport.model_validate(answer).drift is False
    assert [one["name"] for one in answer["skipped"]] == ["labels", "classes", "embedding"]
    assert "no labels in" in answer["skipped"][0]["reason"]


@pytest.mark.slow
def test_the_champion_gives_features_and_predictions(
    cli: Cli,
    sides: Path,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PODIUM_STATE", str(house.settings.state))
    monkeypatch.setenv("PODIUM_ROOT", str(house.settings.root))
    promotion.approve(house.settings, house.open(0).id, reason="good", client=house.client)
    answer = cli("--reference", sides / "reference", "--current", sides / "other", "--json", code=4)
    assert answer["features"] == "the input of the last layer of podium version 1"
    assert "embedding" in answer["kinds"]
    page = sides / "page.html"
    plain = cli("--reference", sides / "reference", "--current", sides / "files", "--json", "--report", page)
    assert "Predicted class shares" in page.read_text()
    assert plain["tests"][0]["name"] == "predictions"
    assert "predictions are tested instead" in plain["skipped"][0]["reason"]


def test_without_champion_nothing_else_is_taken(cli: Cli, sides: Path) -> None:
    with pytest.raises(RegistryError, match="no model has been registered") as error:
        cli("--reference", sides / "reference", "--current", sides / "same")
    assert "--features backbone" in error.value.remedy
    assert "--features none" in error.value.remedy


def test_bad_input_is_status_2(cli: Cli, sides: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file or folder") as error:
        cli("--reference", sides / "reference", "--current", tmp_path / "none", "--features", "none")
    assert error.value.exit_code == 2
    with pytest.raises(ConfigError, match="neither a folder nor a git revision"):
        cli("--reference", "no-such-revision", "--current", sides / "same", "--features", "none")
    with pytest.raises(ConfigError, match="alpha"):
        cli("--reference", sides / "reference", "--current", sides / "same", "--alpha", "2", "--features", "none")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "dataset.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"dataset\.json"):
        cli("--reference", damaged, "--current", sides / "same", "--features", "none")


def test_refused_arguments_are_status_2_and_a_missing_champion_is_1(cli: Cli, sides: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for reference in ("nope", tmp_path / "nothing"):
        with pytest.raises(PodiumError) as refused:
            cli("--reference", reference, "--current", sides / "same", "--features", "none")
        assert refused.value.exit_code == 2
    with pytest.raises(PodiumError) as missing:
        cli("--reference", sides / "reference", "--current", sides / "same")
    assert missing.value.exit_code == 1
    told = " ".join(cli("--help").split())
    for part in (
        "0: no drift",
        "4: drift, or more than 1 %",
        "2: an argument",
        "1: another error, such as no champion",
    ):
        assert part in told, part


@pytest.mark.slow
def test_the_report_is_named_on_stderr_where_stdout_is_json(cli: Cli, sides: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    base = ["--reference", sides / "reference", "--current", sides / "same", "--features", "none", "--report", page]
    assert f"report: {page}" in cli(*base).replace("\n", "")
    app = typer.Typer()
    app.command()(drift)
    result = CliRunner().invoke(app, [*map(str, base), "--json"])
    assert result.stderr.strip() == f"report: {page}"
    assert json.loads(result.stdout)["drift"] is False


@pytest.mark.slow
def test_class_folders_are_compared_with_their_labels(cli: Cli, sides: Path, tmp_path: Path) -> None:
    images, labels = made_images(240, 7)
    for label, name in enumerate(("red", "green", "azure")):
        made_files(tmp_path / "new" / name, images[labels == label])
    base = ["--reference", sides / "reference", "--current", tmp_path / "new", "--features", "none", "--json"]
    answer = cli(*base, code=4)
    assert answer["current"]["labelled"] is True
    assert "class blue missing" in answer["sentence"]
    assert "class azure new" in answer["sentence"]
    assert "azure is no class of the reference" in " ".join(answer["notes"])


@pytest.mark.slow
def test_few_images_are_told_on_the_screen_in_json_and_on_the_page(cli: Cli, sides: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    base = ["--reference", sides / "reference", "--current", sides / "files", "--features", "none"]
    answer = cli(*base, "--json", "--report", page)
    few, unseen = answer["warnings"]
    assert few.startswith("Few images (200 images against 150): smaller drift may go unseen.")
    assert unseen.startswith("Without labels and predictions a missing class may go unseen")
    assert all(0.1 < test["detectable"] < 0.5 for test in answer["tests"])
    printed = " ".join(cli(*base).split())
    html = page.read_text()
    for part in (*answer["warnings"], "detectable"):
        assert part in printed, part
        assert part in html, part


def test_minimum_effects_come_from_a_file(cli: Cli, sides: Path, tmp_path: Path) -> None:
    file = tmp_path / "drift.yaml"
    file.write_text("sample: 150\nminimum: {pixels: 1.0}\n")
    base = ["--reference", sides / "reference", "--current", sides / "other", "--features", "none", "--json"]
    answer = cli(*base, "--config", file, code=4)
    assert answer["kinds"] == ["labels"]
    assert answer["reference"]["compared"] == 150
    assert {t["verdict"] for t in answer["tests"] if t["name"] == "brightness"} == {"small"}
    assert cli(*base, "--config", file, "--sample", "90", code=4)["reference"]["compared"] == 90
    file.write_text("minimum: {pixel: 1.0}\n")
    with pytest.raises(ConfigError, match=r"drift\.yaml: minimum\.pixel"):
        cli(*base, "--config", file)


@pytest.mark.slow
@pytest.mark.parametrize("features", ["none", "backbone"])
def test_the_page_is_static_and_escapes_names(cli: Cli, tmp_path: Path, features: str) -> None:
    names = ("<script>alert(1)</script>", "[bold]x[/bold]", "a&b")
    made_dataset(tmp_path / "reference", *made_images(90, 1), names)
    folder = tmp_path / "new <img src=x>"
    images, labels = made_images(120, 3)
    kept = labels != 0
    made_dataset(folder, (images[kept] * 0.5).astype(np.uint8), labels[kept], names)
    page = tmp_path / "page.html"
    text = cli(
        "--reference", tmp_path / "reference", "--current", folder, "--features", features, "--report", page, code=4
    )
    assert "<script>alert(1)</script>" in text, "no markup is taken from names"
    html = page.read_text()
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "default-src 'none'" in html
    assert not re.search(r"(src|href)=\"(?!data:image/png)", html)
    assert html.count("data:image/png") == 24
    assert "class &lt;script&gt;alert(1)&lt;/script&gt; missing" in html
    assert "What it looks like" in html
    assert "Class shares" in html


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_opened(cli: Cli, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--report .*: is a folder"):
        cli("--reference", "none", "--current", "none", "--report", tmp_path)
