from __future__ import annotations

import base64
import dataclasses
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from podium.evaluation import build_leaderboard
from podium.report import RunReport, headline, render_report
from podium.results import Failure, Metrics
from tests.report.conftest import HOSTILE, guess, make_dataset, make_report
from tests.report.examined import examination

VOID = {"meta", "img", "line", "circle", "polyline", "path", "br", "link", "input"}


class Page(HTMLParser):
    """Elements with attributes, in order; balanced tags are checked on the way."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words.append(data)

    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def check_closed(text: str) -> Page:
    """Nothing runs and nothing is loaded; every picture and every table is described."""
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.elements}
    assert not re.search(r"https?://|@import|url\(|expression\(", text)
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "srcset", "poster", "action", "xlink:href"):
            value = attributes.get(name) or "#"
            assert value.startswith(("data:image/png;base64,", "#")), (tag, value)
    assert all(attributes.get("alt") for attributes in page.all("img"))
    for attributes in page.all("svg"):
        assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.all("th"))
    identifiers = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    for attributes in page.all("a"):
        assert (attributes["href"] or "").removeprefix("#") in identifiers
    return page


@pytest.mark.slow
def test_every_section_is_there_in_the_order_of_need(run_report: RunReport) -> None:
    page = check_closed(render_report(run_report))
    assert [attributes.get("id") for attributes in page.all("section")] == [
        "leaderboard",
        "comparison",
        "curves",
        "confusion",
        "classes",
        "calibration",
        "slices",
        "corruptions",
        "samples",
        "augmented",
        "predictions",
        "saliency",
        "cost",
        "data",
        "lineage",
        "commands",
    ]
    text = page.text()
    for expected in (
        "run-7",
        "resnet20",
        "review requested",
        "broken failed loss is NaN",
        "both 2 of 3 seeds: validation ",
        "fine-tuning begins",
        "simple_cnn trained without augmentation",
        "rotation ±10°, shift ±10",
        "expected calibration error",
        "gaussian noise",
        "of backbone",
        "simple_cnn out of <memory>",
        "19 checks passed",
        "1 warning",
        "3f2c9a1 (clean)",
        "podium review approve 4 --reason",
        "name: quickstart seed: 0",
    ):
        assert expected in text, expected


@pytest.mark.slow
def test_warnings_of_a_training_stand_by_its_curves(run_report: RunReport) -> None:
    noticed = "the channels seem to be in the order <BGR>"
    assert noticed not in Page(render_report(run_report)).text()
    warned = run_report.summaries["resnet20"].model_copy(update={"warnings": (noticed,)})
    report = dataclasses.replace(run_report, summaries={**run_report.summaries, "resnet20": warned})
    assert noticed in check_closed(render_report(report)).text()


@pytest.mark.slow
def test_the_headline_is_the_run_in_one_sentence(run_report: RunReport) -> None:
    metrics = run_report.test["resnet20"].metrics
    low, value, high = (f"{100 * v:.1f}" for v in (metrics.accuracy_low, metrics.accuracy, metrics.accuracy_high))
    expected = f"resnet20 won with {value}\u202f% [{low}, {high}] on 60 test images; review requested"
    assert headline(run_report) == expected
    shown = Page(render_report(run_report)).text().replace(" ;", ";").replace(" on 60", " on 60")
    assert re.sub(r"\s+", "", expected) in re.sub(r"\s+", "", shown)


@pytest.mark.slow
def test_equal_inputs_give_equal_bytes(run_report: RunReport) -> None:
    assert render_report(run_report) == render_report(run_report)


@pytest.mark.slow
def test_names_and_causes_are_text_and_never_markup(tmp_path: Path) -> None:
    names = (HOSTILE, '"><script>alert(1)</script>', "{{ 7 * 7 }} $x$ ' &amp;")
    report = make_report(tmp_path / "data", names, cause="<script>alert(2)</script>\n</style>")
    report = dataclasses.replace(
        report,
        review="<b>soon</b>",
        checks="<i>19</i>",
        lineage={"<u>": "<svg onload=alert(3)>", "many": "a\n</pre><script>"},
    )
    text = render_report(report)
    assert "<script" not in text
    page = check_closed(text)
    for name in names:
        assert re.sub(r"\s+", " ", name) in page.text()
    assert not {"b", "u", "script"} & {tag for tag, _ in page.elements}
    assert {attributes["src"][:10] for attributes in page.all("img") if attributes["src"]} == {"data:image"}


@pytest.mark.slow
def test_the_surest_mistake_comes_first(run_report: RunReport) -> None:
    text = render_report(run_report)
    evaluation = run_report.test["resnet20"]
    labels = np.asarray(run_report.dataset["test"].labels)
    predicted = evaluation.probabilities.argmax(1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[evaluation.probabilities[wrong].max(1).argmax()]
    names = run_report.dataset.manifest.class_names
    first = re.search(r'alt="(image \d+: [^"]+)"', text)
    assert first
    assert first[1] == f"image {surest}: {names[labels[surest]]}, predicted {names[predicted[surest]]}"


@pytest.mark.slow
def test_pictures_hold_the_pixels_of_the_data(run_report: RunReport) -> None:
    text = render_report(run_report)
    match = re.search(r'src="data:image/png;base64,([^"]+)" alt="left, training image 0"', text)
    assert match
    with Image.open(io.BytesIO(base64.b64decode(match[1]))) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), run_report.dataset["train"].images[0])


@pytest.mark.slow
def test_the_weakest_class_is_named(run_report: RunReport) -> None:
    metrics = run_report.test["resnet20"].metrics
    weakest = min(metrics.per_class, key=lambda entry: (entry.recall, entry.precision))
    found = round(weakest.recall * weakest.support)
    text = Page(render_report(run_report)).text()
    assert f"Weakest class: {weakest.name}, {found} of {weakest.support} found" in text


@pytest.mark.slow
def test_a_run_in_which_everything_failed_still_has_a_report(run_report: RunReport) -> None:
    leaderboard = build_leaderboard(
        run="run-8",
        config_name="quickstart",
        model="digits",
        data=run_report.leaderboard.data,
        selection=None,
        summaries={},
        validation={},
        test={},
        failures={
            "resnet20": Failure(cause="chance level", remedy="<look> at labels"),
            "simple_cnn": Failure(cause="NaN"),
        },
    )
    report = dataclasses.replace(run_report, leaderboard=leaderboard, summaries={}, validation={}, test={})
    page = check_closed(render_report(report))
    assert headline(report) == "No candidate completed"
    assert "chance level" in page.text()
    assert "→ <look> at labels" in page.text()


@pytest.mark.slow
def test_before_the_test_split_is_opened_the_validation_figures_are_shown(run_report: RunReport) -> None:
    rows = tuple(
        row.model_copy(update={name: None for name in type(row).model_fields if name.startswith("test_")})
        for row in run_report.leaderboard.candidates
    )
    leaderboard = run_report.leaderboard.model_copy(update={"candidates": rows})
    report = dataclasses.replace(run_report, leaderboard=leaderboard, test={})
    assert "on 30 validation images" in headline(report)
    text = check_closed(render_report(report)).text()
    assert "not opened" in text
    assert "test images" not in text


@pytest.mark.slow
def test_a_perfect_model_has_no_mistakes_to_show(run_report: RunReport) -> None:
    perfect = guess(run_report.dataset, "resnet20", "test", 0.9, 5)
    text = check_closed(render_report(dataclasses.replace(run_report, test={"resnet20": perfect}))).text()
    assert "every image was classified correctly" in text
    assert "100.0" in text


@pytest.mark.slow
def test_many_classes_are_folded_and_the_file_stays_small(tmp_path: Path) -> None:
    names = tuple(f"class {i}" for i in range(30))
    dataset = make_dataset(tmp_path / "many", names)
    base = make_report(tmp_path / "few")
    test = {"resnet20": guess(dataset, "resnet20", "test", 0.2, 3)}
    looked = {"resnet20": examination(dataset, test["resnet20"])}
    report = dataclasses.replace(base, dataset=dataset, validation={}, test=test, examinations=looked)
    text = render_report(report)
    assert "18 others not drawn" in check_closed(text).text()
    assert len(text) < 1_500_000
    assert "With 30 classes the matrix is not drawn" in check_closed(text).text()


def test_figures_of_another_data_set_are_refused(run_report: RunReport, tmp_path: Path) -> None:
    other = make_dataset(tmp_path / "other", ("a", "b"))
    short = guess(other, "resnet20", "validation", 0.5, 1)
    short = dataclasses.replace(short, metrics=short.metrics.model_copy(update={"count": 29}))
    with pytest.raises(ValueError, match="29 validation figures for a data set with 30"):
        dataclasses.replace(run_report, validation={"resnet20": short})


def test_an_examination_of_other_data_is_refused(run_report: RunReport, tmp_path: Path) -> None:
    other = make_report(tmp_path / "other", ("a", "b", "c"))
    with pytest.raises(ValueError, match="an examination of other data"):
        dataclasses.replace(run_report, examinations=other.examinations)


@pytest.mark.slow
def test_a_run_that_was_not_examined_still_has_a_report(run_report: RunReport) -> None:
    report = dataclasses.replace(run_report, examinations={}, unexamined={})
    page = check_closed(render_report(report))
    identifiers = {attributes.get("id") for attributes in page.all("section")}
    assert "calibration" in identifiers
    assert not {"slices", "corruptions", "saliency", "cost"} & identifiers


@pytest.mark.slow
def test_a_network_without_a_map_says_so(run_report: RunReport) -> None:
    found = run_report.examinations["resnet20"]
    findings = found.findings.model_copy(update={"saliency": (), "notes": ("no saliency maps: <tokens>",)})
    blind = dataclasses.replace(found, findings=findings, saliency=found.saliency[:0])
    report = dataclasses.replace(run_report, examinations={"resnet20": blind})
    assert "no saliency maps: <tokens>" in check_closed(render_report(report)).text()


@pytest.mark.slow
def test_the_examination_is_that_of_the_selected_candidate(run_report: RunReport) -> None:
    found = run_report.examinations["resnet20"]
    text = check_closed(render_report(run_report)).text()
    assert f"{100 * found.findings.robustness.mean_accuracy:.1f}" in text
    sample = found.findings.saliency[0]
    assert f"{sample.true} taken for {sample.predicted} {100 * sample.probability:.1f}" in text
    assert "device seconds" in text


@pytest.mark.slow
def test_figures_of_before_calibration_was_measured_can_be_shown(run_report: RunReport) -> None:
    figures = run_report.test["resnet20"].metrics
    old = {name: value for name, value in figures.model_dump().items() if name not in ("ece", "brier", "reliability")}
    test = {"resnet20": dataclasses.replace(run_report.test["resnet20"], metrics=Metrics.model_validate(old))}
    page = check_closed(render_report(dataclasses.replace(run_report, test=test)))
    assert "calibration" not in {attributes.get("id") for attributes in page.all("section")}
