"""What people see of a validation: the page, the refusal with its picture, the command."""

import io
import json
import logging
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from podium.errors import ValidationFailed
from podium.validation import ValidationReport, ensure_valid, render_report, validate_dataset
from tests.validation.defects import black_and_red, leaked
from tests.validation.made import DEFAULT, contract, dataset, with_items, without_images

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


@pytest.mark.slow
def test_the_page_needs_no_script_and_no_network():
    given = dataset(both)
    page = Tags(render_report(validate(given), given))
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    addresses = [value for name, value in page.attributes if name in ("src", "href")]
    assert addresses
    assert all(value.startswith("data:image/png;base64,") for value in addresses)
    assert not [name for name, _ in page.attributes if name.startswith("on")]


@pytest.mark.slow
def test_names_from_the_data_are_escaped():
    given = dataset(both, names=EVIL)
    page = render_report(validate(given), given)
    assert "&lt;script&gt;alert(" in page
    assert "{{ 7 * 7 }}" in page
    tags = Tags(page)
    assert "script" not in tags.tags
    assert "onerror" not in [name for name, _ in tags.attributes]


@pytest.mark.slow
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


@pytest.mark.slow
def test_many_classes_and_an_empty_data_set_can_be_drawn():
    names = tuple(f"class {i}" for i in range(60))
    given = dataset(lambda arrays: arrays["train"][1].put(range(60), range(60)), names=names)
    page = render_report(validate(given), given)
    assert "the first 40 of 60 classes" in page
    assert page.count("<svg") == 3 + 3
    empty = without_images(dataset())
    assert "must not be trained on" in render_report(validate(empty), empty)


@pytest.mark.slow
def test_the_report_survives_json():
    report = validate(dataset(both))
    text = report.model_dump_json()
    assert ValidationReport.model_validate_json(text) == report
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))


@pytest.mark.slow
def test_images_are_told_by_name_in_report_page_and_reasons():
    given = with_items(dataset(both), "train", names=[f"<b>/{i}\n.jpg" for i in range(60)])
    report = validate(given)
    (black,) = [r for r in report.failed("critical") if r.name == "constant"]
    assert [(i.split, i.index, i.name) for i in black.offending] == [
        ("train", 7, "<b>/7\n.jpg"),
        ("train", 11, "<b>/11\n.jpg"),
    ]
    (leak,) = [r for r in report.failed("critical") if r.name == "duplicates_across"]
    assert leak.offending[0].reason == "same as train 5 (<b>/5\n.jpg)"
    assert json.loads(report.model_dump_json())["results"][0].keys() >= {"offending"}
    page = render_report(report, given)
    assert "&lt;b&gt;/7" in page
    assert "<b>" not in page
    with pytest.raises(ValidationFailed) as caught:
        ensure_valid(report, given, given.path / "out")
    assert r"train 7 (<b>/7\n.jpg)" in caught.value.message


@pytest.mark.slow
def test_a_message_tells_shares_in_one_format():
    def gray(arrays):
        arrays["test"][0][:3] = arrays["test"][0][:3, ..., :1]

    (result,) = [r for r in validate(dataset(gray)).failed("warning") if r.name == "grayscale"]
    assert "12.5 % of the images are grayscale in RGB, 12.5 % more or less" in result.message
    assert result.expected == "as in train, ± 10 %"
    assert result.observed == 0.125


@pytest.mark.slow
def test_valid_data_pass_without_a_trace(tmp_path):
    given = dataset()
    ensure_valid(validate(given), given, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_critical_failures_name_the_images_and_draw_them(tmp_path):
    given = with_items(dataset(both), "train", names=[f"cats/{i}.jpg" for i in range(60)])
    with pytest.raises(ValidationFailed) as caught:
        ensure_valid(validate(given), given, tmp_path / "out")
    message = caught.value.message
    assert caught.value.exit_code == 3
    assert "2 critical failures" in message
    for images in (
        r"Images of one colour, train: .*\n +train 7 \(cats/7\.jpg\): one colour: \(0, 0, 0\)\n +train 11 \(",
        r"Duplicates across splits, test: .*\n +test 2: same as train 5 \(cats/5\.jpg\)\n +test 8: same as train 17 ",
    ):
        assert re.search(images, message)
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


@pytest.mark.slow
def test_great_expectations_is_quiet_and_leaves_the_log_level_alone(caplog, capfd):
    logger = logging.getLogger("great_expectations")
    before = logger.level
    with caplog.at_level(logging.DEBUG):
        validate(dataset(lambda arrays: arrays["test"][1].fill(0)))
    assert logger.level == before
    assert not [record for record in caplog.records if record.name.startswith("great_expectations")]
    assert capfd.readouterr() == ("", "")
