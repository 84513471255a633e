"""What a dossier tells of the champion's examination, looked up in the champion's own dossier."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.data import Dataset
from podium.evaluation.records import Findings
from podium.orchestration.rivals import Rival, rival_of
from podium.registry import dossiers, reviews
from podium.registry.dossiers import Papers
from tests.orchestration.test_drifting import against, made
from tests.registry.dossiers import papers
from tests.registry.support import House, make_bundle
from tests.report.conftest import guess
from tests.report.examined import examination


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return made(tmp_path / "data", 1)


def findings(dataset: Dataset) -> Findings:
    return examination(dataset, guess(dataset, "tiny", "validation", 0.5, seed=5)).findings


def champion_of(house: House, dataset: Dataset, examined: Findings | None, cause: str | None = None) -> str:
    """Version 1, with such an examination in its dossier; returns the dossier's digest."""
    version = house.register(0, bundle=make_bundle(house.folder / "crown", data=dataset.manifest.digest))
    plain = papers(version)
    facts = plain.dossier.model_copy(update={"examination": examined, "unexamined": cause})
    digest = dossiers.store(house.client, version, Papers(facts, plain.page, plain.card))
    reviews.open_review(house.settings, version, author="ada@lab", outcome="promote-eligible", dossier=digest)
    return digest


def told(house: House, dataset: Dataset, version: int | None = 1) -> Rival:
    return rival_of(house.settings, dataset, "podium", against(version))


def test_without_a_champion_nothing_is_looked_for(house: House, dataset: Dataset) -> None:
    found = told(house, dataset, None)
    assert (found.data.state, found.findings, found.unexamined) == ("no champion", None, None)


@pytest.mark.slow
def test_it_is_what_the_champions_dossier_tells(house: House, dataset: Dataset) -> None:
    examined = findings(dataset)
    champion_of(house, dataset, examined)
    assert told(house, dataset) == Rival(told(house, dataset).data, examined)


@pytest.mark.slow
def test_a_failed_examination_is_told_with_its_cause(house: House, dataset: Dataset) -> None:
    champion_of(house, dataset, None, "out of memory")
    assert told(house, dataset).unexamined == "out of memory"


@pytest.mark.slow
def test_other_images_do_not_stand_beside(house: House, dataset: Dataset) -> None:
    other = findings(dataset).model_copy(update={"data_digest": "9" * 64})
    champion_of(house, dataset, other)
    found = told(house, dataset)
    assert (found.findings, found.unexamined) == (
        None, "it was examined on the validation images of another data version",
    )  # fmt: skip


@pytest.mark.slow
def test_a_changed_dossier_is_told_and_stops_nobody(house: House, dataset: Dataset) -> None:
    digest = champion_of(house, dataset, findings(dataset))
    (folder,) = house.settings.artifacts.rglob(f"dossiers/{digest[:16]}")
    file = folder / dossiers.FACTS
    file.write_text(file.read_text() + " ")
    found = told(house, dataset)
    assert found.findings is None
    assert "was changed since the review was opened" in (found.unexamined or "")


@pytest.mark.slow
def test_a_champion_that_no_gate_has_judged(house: House, dataset: Dataset) -> None:
    house.open(0, bundle=make_bundle(house.folder / "crown", data=dataset.manifest.digest))
    assert "no gate has judged it" in (told(house, dataset).unexamined or "")
