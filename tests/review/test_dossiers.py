"""A decision is bound to the dossier: its files, the version it is about, the champion it compares with."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from podium.cli.review import app
from podium.dossier.facts import Dossier
from podium.errors import RegistryError, ReviewError
from podium.registry import dossiers
from podium.registry.dossiers import FACTS, PAGE
from tests.registry.dossiers import approve, kept, opened, papers
from tests.registry.support import House


@pytest.mark.slow
def test_an_untouched_dossier_is_approved(house: House) -> None:
    review, digest = opened(house)
    assert review.request.dossier == digest
    assert approve(house, review).champion == 1


@pytest.mark.slow
def test_it_is_read_back(house: House, tmp_path: Path) -> None:
    review, digest = opened(house)
    folder = dossiers.fetch(house.settings, review.request.version, digest, tmp_path)
    assert dossiers.read(folder) == papers(review.request.version).dossier
    assert (folder / PAGE).read_text() == "<!doctype html>"


@pytest.mark.slow
@pytest.mark.parametrize("name", [FACTS, PAGE])
def test_a_changed_dossier_is_refused(house: House, name: str) -> None:
    review, digest = opened(house)
    file = kept(house, review, digest) / name
    file.write_text(file.read_text() + " ")
    with pytest.raises(ReviewError, match="dossier of version 1 of podium was changed"):
        approve(house, review)
    assert "champion" not in house.aliases()


@pytest.mark.slow
def test_a_dossier_that_is_gone_is_refused(house: House) -> None:
    review, digest = opened(house)
    for file in kept(house, review, digest).iterdir():
        file.unlink()
    with pytest.raises((RegistryError, ReviewError), match="dossier of version 1"):
        approve(house, review)


@pytest.mark.slow
def test_the_dossier_of_another_model_is_refused(house: House) -> None:
    review, _ = opened(house, model="9" * 64)
    with pytest.raises(ReviewError, match="model files \\(999999999999 in the dossier"):
        approve(house, review)


@pytest.mark.slow
def test_another_champion_than_the_gate_knew_needs_a_new_judgement(house: House) -> None:
    first, _ = opened(house, 0)
    second, _ = opened(house, 1)
    approve(house, first)
    with pytest.raises(ReviewError, match=r"champion has changed .* \(then none, now version 1\)") as refused:
        approve(house, second)
    assert "run the pipeline again" in str(refused.value)
    again, _ = opened(house, 1, against=1, champion=first.request.version.digests.model)
    assert again.renewed is not None
    assert approve(house, again).champion == 2


@pytest.mark.slow
def test_a_kept_dossier_is_fetched_again_when_it_was_changed(house: House) -> None:
    review, digest = opened(house)
    place = dossiers.kept(house.settings, review.request.version, digest)
    assert sorted(file.name for file in place.iterdir()) == [PAGE, FACTS, "model_card.md"]
    (place / PAGE).write_text("another page")
    assert (dossiers.kept(house.settings, review.request.version, digest) / PAGE).read_text() == "<!doctype html>"


def test_a_review_without_one_says_so(house: House) -> None:
    with pytest.raises(ReviewError, match="no gate has judged it"):
        dossiers.kept(house.settings, house.register(), None)


@pytest.mark.slow
def test_the_command_prints_path_json_and_card(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    review, digest = opened(house)
    for name, value in (("ROOT", house.folder), ("STATE", house.settings.state)):
        monkeypatch.setenv(f"PODIUM_{name}", str(value))
    run = CliRunner().invoke
    path = run(app, ["dossier", review.id, "--no-open"])
    assert path.exit_code == 0, path.output
    assert Path(path.output.strip()).parent.name == digest
    assert Dossier.read(run(app, ["dossier", review.id, "--json"]).output) == papers(review.request.version).dossier
    assert run(app, ["dossier", review.id, "--card"]).output == "# card"
