"""Figures that cannot be compared are not subtracted: not in the inbox, not beside the champion, not in the summary."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podium.desk.comparison import Duel, DuelCache, compare
from podium.desk.present import ReviewView, inbox, present
from podium.errors import ReviewError
from podium.gate.paired import Paired
from podium.gate.result import Difference
from podium.gate.verdict import Criterion
from podium.registry import dossiers, reviews
from podium.registry.state import Review
from podium.registry.votes import review_id
from tests.desk.support import Page
from tests.registry.dossiers import kept, papers
from tests.registry.support import House, make_bundle

BETTER = Difference(
    images=1000, challenger=0.81, champion=0.8, low=-0.01, high=0.03, level=0.96,
    pairs=Paired(both=700, challenger=110, champion=100, neither=90),
)  # fmt: skip
VOID = Criterion(
    name="valid", standing="missed", severity="block", reason="the champion was trained on 7 of the test images"
)
WHY = f"the gate declared the comparison void: {VOID.reason}"


def judged(house: House, seed: int, *, difference: Difference | None = None, data: str = "d" * 64) -> Review:
    """A review that the gate held against version 1."""
    version = house.register(seed, bundle=make_bundle(house.folder / f"of-{seed}", seed=seed, data=data))
    plain = papers(version)
    criteria = () if difference else (VOID,)
    made = replace(plain, dossier=plain.dossier.model_copy(update={"difference": difference, "criteria": criteria}))
    digest = dossiers.store(house.client, version, made)
    return reviews.open_review(
        house.settings, version, author="ada@lab", outcome="promote-eligible", dossier=digest, against=1
    )


@pytest.fixture
def champion(page: Page, house: House) -> House:
    """Version 1 is champion; its stored test accuracy is 90 %."""
    house.open(0)
    page.decide("podium-1", "approve")
    return house


def differences(view: ReviewView) -> list[str]:
    return [figure.difference for figure in view.figures if figure.difference or figure.verdict]


def pair(house: House) -> tuple[Review, Review]:
    return reviews.show(house.settings, "podium-2"), reviews.show(house.settings, "podium-1")


@pytest.mark.slow
def test_other_data_is_not_compared(page: Page, champion: House) -> None:
    champion.open(3, bundle=make_bundle(champion.folder / "other", seed=3, data="e" * 64))
    for path in ("/", "/reviews/podium-2"):
        text = page.get(path).words
        assert "not comparable" in text
        assert "the figures come from different versions of the data" in text
        assert "better" not in text
        assert "worse" not in text
    assert "It cannot be compared with the champion (version 1, tiny)" in page.words
    assert "points" not in page.words
    assert differences(present(*pair(champion))) == []


@pytest.mark.slow
def test_a_void_duel_is_not_compared(page: Page, champion: House) -> None:
    judged(champion, 3)
    for path in ("/", "/reviews/podium-2"):
        text = page.get(path).words
        assert WHY in text
        assert "better" not in text
        assert "+3.0" not in text
    assert "points" not in page.words


@pytest.mark.slow
def test_the_gates_difference_goes_before_the_stored_figures(page: Page, champion: House) -> None:
    """The stored ones say three points; on the same images it was one."""
    judged(champion, 3, difference=BETTER)
    assert "+1.0 better" in page.get("/").words
    text = page.get("/reviews/podium-2").words
    assert "1.0 points more than the champion" in text
    assert "80.0 %" in text
    assert "+3.0 better" in text, "the validation images are the same"
    assert text.count("+1.0 better") == 2


@pytest.mark.slow
def test_what_the_gate_did_not_compare_is_apart_where_the_data_is(page: Page, champion: House) -> None:
    judged(champion, 3, difference=BETTER, data="e" * 64)
    text = page.get("/reviews/podium-2").words
    assert "Figures that the gate did not compare cannot be compared" in text
    assert "+1.0 better" in text
    assert "+3.0" not in text


@pytest.mark.slow
def test_a_dossier_that_cannot_be_read_compares_nothing(page: Page, champion: House) -> None:
    review = judged(champion, 3, difference=BETTER)
    (kept(champion, review, str(review.request.dossier)) / "dossier.json").write_text("{}")
    for path in ("/", "/reviews/podium-2"):
        text = page.get(path).words
        assert "the gate's comparison cannot be read" in text
        assert "better" not in text


@pytest.mark.slow
def test_a_duel_with_an_earlier_champion_says_nothing_of_this_one(house: House) -> None:
    first, second = house.open(0), judged(house, 3)
    asked: list[str] = []

    def duels(review: Review) -> Duel:
        asked.append(review.id)
        return Duel(None, WHY)

    assert compare(second, first, duels).void == WHY
    later = first.model_copy(update={"id": review_id("podium", 9)})
    later = later.model_copy(
        update={"request": later.request.model_copy(
            update={"version": later.request.version.model_copy(update={"version": 9})}
        )}
    )  # fmt: skip
    assert compare(second, later, duels).void == ""
    assert compare(second, None, duels).void == ""
    assert asked == ["podium-2"]


def test_a_dossier_is_read_once_and_errors_are_not_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = house.open(0), judged(house, 3)
    cache, original, read = DuelCache(), dossiers.kept, []

    def failing(*_: object) -> None:
        raise ReviewError("gone")

    monkeypatch.setattr(dossiers, "kept", failing)
    with pytest.raises(ReviewError):
        cache.of(house.settings, second)
    monkeypatch.setattr(dossiers, "kept", lambda *args: (read.append(1), original(*args))[1])
    for _ in range(3):
        assert cache.of(house.settings, second) == Duel(None, WHY)
    assert read == [1]
    overview = reviews.Overview(model="podium", champion=1, reviews=(second, first), findings=())
    views = inbox((overview,), duels=lambda review: cache.of(house.settings, review))
    assert [view.incomparable for view in views if view.id == "podium-2"] == [WHY]
