"""The gate in a run: who is champion, what the ledger holds, and what the winner is held against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from podium.bundle import Bundle
from podium.config import Candidate, RunConfig
from podium.config.promotion import PromotionPolicy
from podium.data import Dataset
from podium.data.content import row_digests, seen_rows
from podium.errors import PodiumError
from podium.evaluation.evaluate import evaluate
from podium.gate.result import GateResult
from podium.models import build
from podium.orchestration.gating import decide, evaluate_incumbent, open_test_split, siblings, weights_digest
from podium.orchestration.registration import registered_champion
from podium.registry import promotion, reviews
from podium.results import LeaderboardRow
from tests.evaluation.test_evaluate import make_bundle
from tests.registry.support import House, candidate

ROW = LeaderboardRow(recipe="tiny", status="completed", latency_p95=12.5, file_bytes=2_500_000)
CONFIG = RunConfig.model_validate({"name": "test", "candidates": ["tiny"], "registry": {"model": "podium"}})


def bundle(dataset: Dataset, seed: int) -> Bundle:
    """An untrained network whose weights follow from the seed."""
    made = make_bundle(dataset)
    state = build(made.candidate.recipe.model, made.contract, seed=seed).state_dict()
    return replace(made, state=dict(state))


def crown(house: House, dataset: Dataset, made: Bundle) -> None:
    """Register a model and approve it."""
    folder = house.folder / "crown"
    folder.mkdir()
    made.save(folder)
    review = house.open(0, bundle=folder, examples=dataset["validation"].images[:8])
    promotion.approve(house.settings, review.id, reason="tests", actor="grace@lab", client=house.client)


def judge(house: House, dataset: Dataset, winner: Bundle, policy: PromotionPolicy | None = None) -> GateResult:
    incumbent, use = open_test_split(house.settings, CONFIG, dataset, winner)
    champion = evaluate_incumbent(house.settings, CONFIG, dataset, incumbent) if incumbent.can_play else None
    test = [evaluate(winner, dataset, "test")]
    return decide(
        house.settings, CONFIG, policy or PromotionPolicy(), dataset, winner, test, incumbent, champion, use, ROW
    )


def valid(result: GateResult) -> str:
    return next(criterion.reason for criterion in result.verdict.criteria if criterion.name == "valid")


@pytest.mark.slow
def test_the_first_candidate_is_held_against_floors_alone(house: House, small_dataset: Dataset) -> None:
    found = judge(house, small_dataset, bundle(small_dataset, 0))
    assert found.champion.version is None
    assert (found.use, found.uses, found.duel, found.difference) == (1, 1, None, None)
    metrics = evaluate(bundle(small_dataset, 0), small_dataset, "test").metrics
    assert (found.measured.accuracy, found.measured.ece) == pytest.approx((metrics.accuracy, metrics.ece))
    assert (found.measured.latency, found.measured.size) == (12.5, 2.5)


@pytest.mark.slow
def test_a_champion_is_shown_the_same_images(house: House, small_dataset: Dataset) -> None:
    old, new = bundle(small_dataset, 0), bundle(small_dataset, 1)
    crown(house, small_dataset, replace(old, seen=seen_rows(small_dataset)))
    found = judge(house, small_dataset, new)
    assert found.champion.version == 1
    assert found.champion.weights == weights_digest(old)
    assert found.difference is not None
    champion, challenger = (evaluate(one, small_dataset, "test").metrics.accuracy for one in (old, new))
    assert (found.difference.champion, found.difference.challenger) == pytest.approx((champion, challenger))
    assert (found.use, found.duel) == (1, 1)
    assert judge(house, small_dataset, new).uses == 1, "the same comparison again is no new decision"
    assert judge(house, small_dataset, bundle(small_dataset, 2)).uses == 2


@pytest.mark.slow
def test_a_champion_that_saw_the_test_images_is_found(house: House, small_dataset: Dataset) -> None:
    rows = np.union1d(seen_rows(small_dataset), row_digests(small_dataset["test"].images[:3]))
    crown(house, small_dataset, replace(bundle(small_dataset, 0), seen=rows))
    found = judge(house, small_dataset, bundle(small_dataset, 1))
    assert found.verdict.outcome == "blocked"
    assert "3 of 30 test images" in valid(found)
    assert found.difference is None


@pytest.mark.slow
def test_a_champion_of_unknown_rows_is_not_compared_with(house: House, small_dataset: Dataset) -> None:
    crown(house, small_dataset, bundle(small_dataset, 0))
    assert "nobody kept" in valid(judge(house, small_dataset, bundle(small_dataset, 1)))


@pytest.mark.slow
def test_a_champion_of_other_classes_cannot_play(house: House, small_dataset: Dataset) -> None:
    old = bundle(small_dataset, 0)
    crown(house, small_dataset, replace(old, contract=old.contract.model_copy(update={"class_names": ("a", "b", "c")})))
    incumbent, _ = open_test_split(house.settings, CONFIG, small_dataset, bundle(small_dataset, 1))
    assert not incumbent.can_play
    found = judge(house, small_dataset, bundle(small_dataset, 1))
    assert "knows 3 classes (a, b, c)" in valid(found)
    assert found.verdict.outcome == "blocked"


@pytest.mark.slow
def test_the_champion_itself_is_no_challenger(house: House, small_dataset: Dataset) -> None:
    old = bundle(small_dataset, 0)
    crown(house, small_dataset, old)
    incumbent, use = open_test_split(house.settings, CONFIG, small_dataset, old)
    assert incumbent.version == 1
    assert (use.use, use.uses) == (None, 0)
    with pytest.raises(ValueError, match="nothing to decide"):
        judge(house, small_dataset, old)


@pytest.mark.slow
def test_a_champion_that_changed_since_is_not_taken_for_the_other(house: House, small_dataset: Dataset) -> None:
    crown(house, small_dataset, bundle(small_dataset, 0))
    incumbent, _ = open_test_split(house.settings, CONFIG, small_dataset, bundle(small_dataset, 1))
    forged = incumbent.model_copy(update={"weights": "0" * 64})
    with pytest.raises(PodiumError, match="other weights than when this run began"):
        evaluate_incumbent(house.settings, CONFIG, small_dataset, forged)


def test_seconds_are_no_part_of_the_weights(house: House, small_dataset: Dataset, tmp_path: Path) -> None:
    made = bundle(small_dataset, 0)
    slower = replace(made, summary=made.summary.model_copy(update={"train_seconds": 99.0}))
    assert weights_digest(made) == weights_digest(slower)
    assert weights_digest(made) != weights_digest(bundle(small_dataset, 1))


def test_siblings_differ_in_their_seed_alone() -> None:
    own = candidate("one")
    twin = own.model_copy(update={"name": "two", "seed": 5})
    other = Candidate(name="three", recipe=own.recipe.model_copy(update={"id": "another"}))
    assert siblings({"three": other, "two": twin, "one": own}, "one") == ["one", "two"]
    again = [own.model_copy(update={"name": "four"}), twin.model_copy(update={"name": "five"})]
    named = {one.name: one for one in (*again, own, twin)}
    assert siblings(named, "one") == ["one", "five"], "a seed that stands twice is one training"


@pytest.mark.slow
def test_other_files_with_the_champions_weights_are_no_new_version(house: House, small_dataset: Dataset) -> None:
    old = bundle(small_dataset, 0)
    crown(house, small_dataset, old)
    slower = replace(old, summary=old.summary.model_copy(update={"train_seconds": 99.0}))
    incumbent, use = open_test_split(house.settings, CONFIG, small_dataset, slower)
    assert use.use is None
    found = registered_champion(house.settings, CONFIG, incumbent)
    assert (found.version, found.standing) == (1, "champion")
    assert found.digests == reviews.show(house.settings, "podium-1").request.version.digests
