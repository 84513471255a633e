"""The dossier's page: complete, self-contained, and safe with hostile names."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from podium.data import Dataset
from podium.dossier.facts import DataDrift, Dossier
from podium.dossier.page import render
from podium.dossier.words import title
from podium.drift.profile import profile_of
from podium.drift.versions import compare_profiles
from podium.evaluation.corruptions import CORRUPTIONS
from podium.report.gallery import MISTAKES
from tests.dossier.conftest import Make, caution, challenger, examined, rival
from tests.report.conftest import HOSTILE


class Outline(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.sources += [value for key, value in attrs if key == "src" and value]
        if given.get("id"):
            self.ids.add(str(given["id"]))
        if given.get("href"):
            self.links.append(str(given["href"]))


@pytest.mark.slow
def test_it_shows_verdict_pictures_criteria_and_digests(make: Make, dataset: Dataset) -> None:
    dossier = make(0.2, 0.1, cautions=[caution("two images are equal")])
    page = render(dossier, dataset, challenger(dataset, 0.2))
    outline = Outline(page)
    assert dossier.examples
    labels = np.asarray(dataset["test"].labels)
    wrong = int((challenger(dataset, 0.2).probabilities.argmax(1) != labels).sum())
    assert wrong
    assert outline.tags.count("img") == len(dossier.examples) + min(wrong, MISTAKES)
    for criterion in dossier.criteria:
        assert title(criterion) in page
    for digest in ("a" * 64, "e" * 64, "4" * 64, "two images are equal"):
        assert digest in page
    assert {link.removeprefix("#") for link in outline.links} <= outline.ids
    assert "−" in page or "+" in page


@pytest.mark.slow
def test_it_loads_nothing_and_runs_nothing(make: Make, dataset: Dataset) -> None:
    page = render(make(), dataset, challenger(dataset, 0.5))
    outline = Outline(page)
    assert "script" not in outline.tags
    assert "link" not in outline.tags
    assert all(source.startswith("data:image/png;base64,") for source in outline.sources)
    assert not re.search(r"https?://", page)


@pytest.mark.slow
def test_hostile_names_stay_text(make: Make, dataset: Dataset) -> None:
    page = render(make(0.3, 0.3, cautions=[caution(HOSTILE)]), dataset, challenger(dataset, 0.3))
    assert HOSTILE not in page
    assert "&lt;img src=x onerror" in page


@pytest.mark.slow
def test_a_first_candidate_has_a_page_as_well(make: Make, dataset: Dataset) -> None:
    page = render(make(0.6, None), dataset, challenger(dataset, 0.6))
    assert "Where the two differ" not in page
    assert "Challenger less champion" not in page
    assert "there is no champion" in page


@pytest.mark.slow
def test_it_is_the_same_file_for_the_same_dossier(make: Make, dataset: Dataset) -> None:
    assert render(make(), dataset, challenger(dataset, 0.5)) == render(make(), dataset, challenger(dataset, 0.5))


@pytest.mark.slow
def test_it_shows_both_models_on_slices_and_their_calibration_on_test(make: Make, dataset: Dataset) -> None:
    page = render(make(0.3, 0.1), dataset, challenger(dataset, 0.3))
    assert page.count('aria-label="Reliability diagram of ') == 2
    for role in ("resnet20, challenger", "simple_cnn, champion"):
        assert f"Reliability diagram of {role}" in page
    dark = re.search('aria-label="dark: ([0-9.]+) % of 20, champion ([0-9.]+) %"', page)
    assert dark
    new, old = (one.slices[0].accuracy for one in sides(make(0.3, 0.1)))
    assert (float(dark[1]), float(dark[2])) == (pytest.approx(100 * new, abs=0.1), pytest.approx(100 * old, abs=0.1))
    alone = render(make(0.3, None), dataset, challenger(dataset, 0.3))
    assert alone.count('aria-label="Reliability diagram of ') == 1
    assert ", champion" not in alone.partition('id="slices"')[2].partition("</section>")[0]


def sides(dossier: Dossier) -> tuple:
    return dossier.challenger, dossier.champion


@pytest.mark.slow
def test_it_shows_the_examination_and_says_of_which_split(make: Make, dataset: Dataset) -> None:
    found = examined(dataset)
    dossier = make(0.3, 0.1, examination=found.findings)
    bare = Outline(render(make(0.3, 0.1), dataset, challenger(dataset, 0.3)))
    page = render(dossier, dataset, challenger(dataset, 0.3), found)
    outline = Outline(page)
    pictures = 2 * len(found.findings.saliency) + len(CORRUPTIONS)
    assert outline.tags.count("img") == bare.tags.count("img") + pictures
    for name in ("corruptions", "saliency", "cost"):
        (section,) = re.findall(f'<section id="{name}">.*?</section>', page, re.DOTALL)
        assert "validation" in section
        assert name not in bare.ids
    assert {link.removeprefix("#") for link in outline.links} <= outline.ids
    assert HOSTILE not in page


@pytest.mark.slow
def test_the_champions_examination_stands_beside(make: Make, dataset: Dataset) -> None:
    found, other = examined(dataset), rival(dataset)
    slow = other.cost.timing.model_copy(update={"hardware": "an <older> processor"})
    other = other.model_copy(update={"cost": other.cost.model_copy(update={"timing": slow})})
    dossier = make(0.3, 0.1, examination=found.findings, champion_examination=other)
    page = render(dossier, dataset, challenger(dataset, 0.3), found)
    corrupted, cost = (
        re.findall(f'<section id="{name}">.*?</section>', page, re.DOTALL)[0] for name in ("corruptions", "cost")
    )
    for one in other.robustness.corruptions:
        assert f'<span class="hidden">champion </span>{100 * one.accuracy:.1f}</small>' in corrupted
    assert f"<strong>{100 * other.robustness.mean_accuracy:.1f}&#8239;%</strong>" in corrupted
    gaps = [f'<span class="n">{100 * one.gap.accuracy:.1f}</span>' for one in (found.findings, other)]
    (elsewhere,) = re.findall(r"<tr>.*accuracy elsewhere, %.*</tr>", page)
    assert all(gap in elsewhere for gap in gaps), "between training and test stands validation"
    rows = re.findall(r'<th scope="row">(\w+) <span class="muted">(\w+)</span>', cost)
    assert rows == [("resnet20", "challenger"), ("simple_cnn", "champion")]
    assert "an &lt;older&gt; processor" in cost


@pytest.mark.slow
def test_why_the_champion_was_not_examined_is_told(make: Make, dataset: Dataset) -> None:
    page = render(make(0.3, 0.1, champion_unexamined="the <dossier> is gone"), dataset, challenger(dataset, 0.3))
    assert '<dt>the champion</dt><dd class="cause">the &lt;dossier&gt; is gone</dd>' in page


@pytest.mark.slow
def test_why_there_is_no_examination_is_told(make: Make, dataset: Dataset) -> None:
    page = render(make(0.3, 0.1, unexamined="out of <memory>"), dataset, challenger(dataset, 0.3))
    assert "out of &lt;memory&gt;" in page


def test_pictures_of_another_examination_are_refused(make: Make, dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="not the one"):
        render(make(), dataset, challenger(dataset, 0.5), examined(dataset))


@pytest.mark.slow
def test_the_data_is_shown_against_the_champions(make: Make, dataset: Dataset) -> None:
    splits = compare_profiles(profile_of(dataset), profile_of(dataset))
    drift = DataDrift(state="compared", sentence="It is another version.", version=2, data="e" * 64, splits=splits)

    def section(found: DataDrift | None) -> str:
        page = render(make(0.3, 0.1, data_drift=found), dataset, challenger(dataset, 0.3))
        assert ('href="#drift"' in page) is ('id="drift"' in page)
        return page.partition('<section id="drift">')[2].partition("</section>")[0]

    shown = section(drift)
    assert "It is another version." in shown
    assert "Training images" in shown
    for test in splits[1].tests:
        assert f'<th scope="row">{test.name}</th>' in shown
    same = section(DataDrift(state="same data", sentence="The champion, version 2, is of the same data."))
    assert "is of the same data." in same
    assert "<table" not in same
    assert section(None) == section(DataDrift(state="no champion", sentence="-")) == ""
