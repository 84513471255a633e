"""What people see of a validation: the page, the refusal with its picture, the command."""

import io
import json
import logging
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from podium.data import write_dataset
from podium.errors import DataError, ValidationFailed
from podium.validation import ValidationReport, ensure_valid, render_report, validate_dataset
from tests.conftest import make_arrays
from tests.validation.defects import black_and_red, leaked
from tests.validation.made import DEFAULT, contract, dataset, without_images

EVIL = ('<script>alert("x")</script>', "'\"><img src=x onerror=alert(1)>", "{{ 7 * 7 }}")


def both(arrays):
    black_and_red(arrays)
    leaked(arrays)


def validate(given, suite=None):
    return validate_dataset(given, suite or DEFAULT, {"net": contract(given.manifest)})


class Tags(HTMLParser):
    def __init__(self, page: str):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs


def test_the_page_needs_no_script_and_no_network():
    given = dataset(both)
    page = Tags(render_report(validate(given), given))
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    addresses = [value for name, value in page.attributes if name in ("src", "href")]
    assert addresses
    assert all(value.startswith("data:image/png;base64,") for value in addresses)
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_names_from_the_data_are_escaped():
    given = dataset(both, names=EVIL)
    page = render_report(validate(given), given)
    assert "&lt;script&gt;alert(" in page
    assert "{{ 7 * 7 }}" in page
    tags = Tags(page)
    assert "script" not in tags.tags
    assert "onerror" not in [name for name, _ in tags.attributes]


def test_the_page_says_what_failed_and_shows_the_images():
    given = dataset(both)
    page = render_report(validate(given), given)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    assert "thirds must not be trained on: 2 critical checks failed" in text
    assert "Images of one single colour: 2" in text
    assert "same as train 5" in text
    assert "108 images of 3 classes (60 train, 24 validation, 24 test)" in text
    assert page.count("<svg") == 9 + 3  # a bar for each class and split, and a histogram for each split
    assert page.count("<polyline") == 9
    good = dataset()
    assert "is fit to be trained on: all critical checks passed." in render_report(validate(good), good)


def test_many_classes_and_an_empty_data_set_can_be_drawn():
    names = tuple(f"class {i}" for i in range(60))
    given = dataset(lambda arrays: arrays["train"][1].put(range(60), range(60)), names=names)
    page = render_report(validate(given), given)
    assert "the first 40 of 60 classes" in page
    assert page.count("<svg") == 3 + 3
    empty = without_images(dataset())
    assert "must not be trained on" in render_report(validate(empty), empty)


def test_the_report_survives_json():
    report = validate(dataset(both))
    text = report.model_dump_json()
    assert ValidationReport.model_validate_json(text) == report
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))


def test_valid_data_pass_without_a_trace(tmp_path):
    given = dataset()
    ensure_valid(validate(given), given, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_critical_failures_name_the_images_and_draw_them(tmp_path):
    given = dataset(both)
    with pytest.raises(ValidationFailed) as caught:
        ensure_valid(validate(given), given, tmp_path / "out")
    message = caught.value.message
    assert caught.value.exit_code == 3
    assert "2 critical failures" in message
    assert re.search(r"Images of one colour, train: .*\(images 7, 11\)", message)
    assert re.search(r"Duplicates across splits, test: .*\(images 2, 8\)", message)
    picture = tmp_path / "out" / "offending-images.png"
    assert str(picture) in message
    assert [p.name for p in picture.parent.iterdir()] == [picture.name]
    pixels = np.asarray(Image.open(io.BytesIO(picture.read_bytes())).convert("RGB"))
    assert (pixels[40, 40] == 0).all()  # the black image comes first
    assert ((pixels == (255, 0, 0)).all(axis=2)).sum() > 100 * 100  # then the red one


def test_failures_of_no_image_in_particular_have_no_picture(tmp_path):
    given = without_images(dataset())
    with pytest.raises(ValidationFailed, match="3 critical failures") as caught:
        ensure_valid(validate(given), given, tmp_path / "out")
    assert "picture" not in caught.value.message
    assert not (tmp_path / "out").exists()


def test_great_expectations_is_quiet_and_leaves_the_log_level_alone(caplog, capfd):
    logger = logging.getLogger("great_expectations")
    before = logger.level
    with caplog.at_level(logging.DEBUG):
        validate(dataset(lambda arrays: arrays["test"][1].fill(0)))
    assert logger.level == before
    assert not [record for record in caplog.records if record.name.startswith("great_expectations")]
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder with a configuration and one recipe."""
    import shutil

    from tests.conftest import ROOT

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
    import typer

    from podium.cli.validate import validate as command

    app = typer.Typer()
    app.command("validate")(command)
    app.command("other")(lambda: None)
    return CliRunner().invoke(app, ["validate", *map(str, arguments)])


def test_the_command_passes_good_data_and_writes_both_reports(checkout):
    fill(checkout)
    page, out = checkout / "out" / "page.html", checkout / "out" / "report.json"
    result = invoke("--json", "--report", page, "--out", out)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads(out.read_text())
    assert page.read_text().startswith("<!doctype html>")
    assert {r["subject"] for r in json.loads(out.read_text())["results"]} == {None, "simple_cnn"}


def test_the_command_refuses_bad_data_and_still_writes_the_page(checkout):
    fill(checkout, spoil=4)
    result = invoke("--report", checkout / "page.html")
    assert isinstance(result.exception, ValidationFailed)
    assert result.exception.exit_code == 3
    (picture,) = (checkout / ".podium" / "validation").rglob("*.png")
    assert str(picture) in result.exception.message
    assert "must not be trained on" in (checkout / "page.html").read_text()


def test_a_suite_given_by_name_or_file_is_the_one_that_is_asked(checkout):
    fill(checkout, spoil=4)
    lenient = checkout / "lenient.yaml"
    lenient.write_text("extends: default\nexpectations:\n  - {id: constant, kwargs: {max_count: 1}}\n")
    result = invoke("--json", "--suite", lenient, "--data", checkout / "data")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["suite"] == "lenient"
    assert "no suite 'dafault'" in str(invoke("--suite", "dafault").exception)


def test_the_run_names_its_suite(checkout):
    fill(checkout, spoil=4)
    (checkout / "configs" / "validation" / "lenient.yaml").write_text("extends: default\ndrop: [constant]\n")
    with (checkout / "configs" / "quickstart.yaml").open("a") as stream:
        stream.write("    validation: {suite: lenient}\n")
    assert invoke("--json").exit_code == 0


def test_data_docs_are_written_without_a_network_and_only_over_data_docs(checkout, monkeypatch):
    import socket

    fill(checkout)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was tried"))
    for _ in range(2):
        result = invoke("--data-docs", checkout / "docs")
        assert result.exit_code == 0, result.output
    pages = [page.name for page in (checkout / "docs").rglob("*.html")]
    assert {"index.html", "train.html", "validation.html", "test.html"} <= set(pages)
    train = next((checkout / "docs" / "validations").rglob("train.html")).read_text()
    assert "Images of one colour" in train
    assert isinstance(invoke("--data-docs", checkout / "configs").exception, DataError)
