"""Images that cannot be decoded: told everywhere, and drift of their own kind if there are many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from podium.errors import ConfigError
from tests.drift.made import NAMES, made_files, made_images

Cli = Any


@pytest.mark.slow
def test_files_that_cannot_be_decoded_are_told_everywhere(cli: Cli, sides: Path, tmp_path: Path) -> None:
    folder = made_files(tmp_path / "files", made_images(150, 2)[0])
    (folder / "broken <b>.png").write_bytes(b"nothing")
    Image.new("RGB", (3, 3)).save(folder / "tiny.png")
    page = tmp_path / "page.html"
    base = ["--reference", sides / "reference", "--current", folder, "--features", "none"]
    answer = cli(*base, "--json", "--report", page)
    assert answer["current"]["unreadable"] == ["broken <b>.png"]
    assert any("1 image could not be decoded" in note for note in answer["notes"])
    assert answer["unreadable"] == {"count": 1, "share": 1 / 152, "maximum": 0.01, "verdict": "none"}
    assert (answer["drift"], answer["kinds"]) == (False, [])
    assert "broken &lt;b&gt;.png" in page.read_text()
    assert "unreadable: 1 of 152 current images, 0.7" in " ".join(cli(*base).split())


@pytest.mark.slow
def test_too_many_files_that_cannot_be_decoded_are_drift_whatever_the_others_look_like(
    cli: Cli, sides: Path, tmp_path: Path
) -> None:
    """A broken upload: what is left looks as ever, and nine of ten images would go unnoticed."""
    images, labels = made_images(300, 2)
    for label, name in enumerate(NAMES):
        folder = made_files(tmp_path / "new" / name, images[labels == label][:30])
        for index in range(270):
            (folder / f"cut-{index}.png").write_bytes(b"nothing")
    page = tmp_path / "page.html"
    base = ["--reference", sides / "reference", "--current", tmp_path / "new", "--features", "none"]
    answer = cli(*base, "--json", "--report", page, code=4)
    assert answer["unreadable"] == {"count": 810, "share": 0.9, "maximum": 0.01, "verdict": "drift"}
    assert (answer["drift"], answer["kinds"]) == (True, ["unreadable"])
    assert answer["sentence"].startswith("Drift in the files (810 of 900 current images, 90.0")
    counted = {test["name"]: test["current_count"] for test in answer["tests"]}
    assert (counted["labels"], counted["classes"]) == (90, 90)
    printed = " ".join(cli(*base, code=4).split())
    assert "unreadable: 810 of 900 current images, 90.0" in printed
    assert "cannot be decoded; at most 1" in page.read_text()
    lenient = tmp_path / "drift.yaml"
    lenient.write_text("unreadable: 0.9\n")
    assert cli(*base, "--json", "--config", lenient)["unreadable"]["verdict"] == "none"
    lenient.write_text("unreadable: 2\n")
    with pytest.raises(ConfigError, match=r"drift\.yaml: unreadable"):
        cli(*base, "--config", lenient)


def test_labels_of_a_class_whose_files_are_broken_are_not_counted(cli: Cli, sides: Path, tmp_path: Path) -> None:
    images, labels = made_images(300, 2)
    for label, name in enumerate(NAMES):
        folder = made_files(tmp_path / "new" / name, images[labels == label][:60])
        for file in sorted(folder.iterdir()) if name == "red" else ():
            file.write_bytes(b"nothing")
    base = ["--reference", sides / "reference", "--current", tmp_path / "new", "--features", "none", "--json"]
    answer = cli(*base, code=4)
    assert "class red missing" in answer["sentence"]
    assert "60 of 180 current images" in answer["sentence"]
    assert answer["kinds"][0] == "labels"
    assert answer["kinds"][-1] == "unreadable"
