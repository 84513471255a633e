"""``podium data diff`` as a user sees it: text, JSON, page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from podium.cli.data_diff import diff
from podium.data import SPLITS, open_dataset, write_dataset
from podium.data.items import default_items
from podium.errors import ConfigError, DataError
from tests.conftest import make_arrays

NAMES = ("[bold]left[/]", "<script>alert(1)</script>", "right")


@pytest.fixture
def run():
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(diff)

    def call(*arguments: object):
        result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "150"}, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return call


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``old`` and ``data``: one image removed, one relabelled, one added to a class of its own, validation darker."""
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    made = {name: make_arrays(n, side=8, seed=i) for i, (name, n) in enumerate(zip(SPLITS, (30, 9, 6), strict=True))}

    def write(name: str, classes: tuple[str, ...]) -> None:
        write_dataset(tmp_path / name, made, name="t", class_names=classes, source="made", licence="CC0-1.0")

    write("old", NAMES)
    images, labels = made["train"]
    labels[4] = 2
    fresh = np.full((1, 8, 8, 3), 9, np.uint8)
    made["train"] = np.concatenate([images[1:], fresh]), np.append(labels[1:], 3)
    made["validation"] = made["validation"][0] // 2, made["validation"][1]
    write("data", (*NAMES, "new"))
    return tmp_path


def test_text_names_all_that_changed_and_is_no_markup(run, two: Path) -> None:
    printed = run(two / "old")
    for part in ("classes added: new", "[bold]left[/]", "train: train/0 ([bold]left[/])",
                 "(<script>alert(1)</script> → right)", "validation mean", "33.33%"):  # fmt: skip
        assert part in printed, part
    lines = [" ".join(line.split()[:2]) for line in printed.splitlines()]
    for line in ("unchanged 34", "added 10", "removed 10", "relabelled 1", "moved 0", "changed 0"):
        assert line in lines, line
    assert "the same data set" in run(two / "old", two / "old")


@pytest.mark.slow
def test_images_are_called_by_their_names(run, two: Path) -> None:
    data, esc = two / "data", "\x1b[31m"
    items = default_items("train", 0, 30, (8, 8))
    old = replace(items, names=[f"cats/{i} [b]{esc}\n.png" for i in range(30)])
    new = replace(items, names=[*old.names[1:], "new/1.png"])
    for folder, own in ((two / "old", old), (data, new)):
        dataset = open_dataset(folder)
        splits = {split: (np.asarray(of.images), np.asarray(of.labels)) for split, of in dataset.splits.items()}
        write_dataset(
            folder, splits, name="t", class_names=dataset.manifest.class_names, source="made", licence="CC0-1.0",
            items={"train": own},
        )  # fmt: skip
    printed = run(two / "old")
    assert r"train: cats/0 [b]\x1b[31m\n.png ([bold]left[/])" in printed
    assert r"train: cats/4 [b]\x1b[31m\n.png (<script>alert(1)</script> → right)" in printed
    assert "train: new/1.png (new)" in printed
    assert esc not in printed
    listed = json.loads(run(two / "old", "--json"))["changes"]
    assert listed["added"]["images"][0]["new"]["name"] == "new/1.png"
    page = two / "page.html"
    run(two / "old", "--report", page)
    assert r"train: cats/0 [b]\x1b[31m\n.png" in page.read_text()


def test_json_is_what_the_document_says(run, two: Path) -> None:
    content = json.loads(run(two / "old", "--json", "--limit", 2))
    documented = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text()
    section = documented[documented.index("## `podium data diff") :]
    for key in (*content, *content["old"], *content["distribution"]["train"]):
        assert f"`{key}`" in section or f'"{key}"' in section, key
    assert content["identical"] is False
    assert {kind: change["count"] for kind, change in content["changes"].items()} == {
        "added": 10, "removed": 10, "relabelled": 1, "moved": 0, "changed": 0,
    }  # fmt: skip
    assert [len(change["images"]) for change in content["changes"].values()] == [2, 2, 1, 0, 0]
    assert content["changes"]["relabelled"]["images"] == [
        {"old": {"split": "train", "index": 4, "class": NAMES[1], "name": "train/4"},
         "new": {"split": "train", "index": 3, "class": "right", "name": "train/3"}}
    ]  # fmt: skip
    train = content["distribution"]["train"]
    assert train["classes"]["new"] == [0, 1]
    assert train["class_distance"] == pytest.approx(2 / 30)
    assert content["distribution"]["test"]["brightness_distance"] == 0
    assert content["old"]["commit"] is None


@pytest.mark.slow
def test_the_page_stands_alone_escapes_names_and_shows_pictures(run, two: Path) -> None:
    file = two / "page.html"
    assert run(two / "old", two / "data", "--report", file).endswith(f"report: {file}\n")
    page = file.read_text()
    assert page.lstrip().startswith("<!doctype html>")
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "&lt;script&gt;" in page
    assert page.count("data:image/png;base64,") == 21
    assert "classes added" in page.lower()
    run(two / "data", two / "data", "--report", file)
    assert "The same data set" in file.read_text()


def test_what_cannot_be_compared_is_said(run, two: Path) -> None:
    with pytest.raises(DataError, match="neither a folder nor a git revision") as refused:
        run("nonsense")
    assert refused.value.exit_code == 2
    (two / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no data set here") as refused:
        run(two / "empty")
    assert refused.value.exit_code == 2
    (two / "old" / "test.labels.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"test\.labels\.npy") as damaged:
        run(two / "old")
    assert damaged.value.exit_code == 1


def test_a_page_that_cannot_be_written_is_refused_before_the_data_are_opened(run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--report .*: is a folder"):
        run(tmp_path / "no data here", "--report", tmp_path)
