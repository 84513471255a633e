"""Open the test split for one decision: the champion in office, both models' answers, the verdict."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from podium.bundle import WEIGHTS, Bundle
from podium.config import Candidate, RunConfig
from podium.config.promotion import PromotionPolicy
from podium.data import Dataset
from podium.data.content import row_digests, seen_rows, split_digest
from podium.digest import digest_file
from podium.errors import DataError, PodiumError
from podium.evaluation.evaluate import Evaluation, check_fit, evaluate
from podium.gate.comparison import SEED, Duel, Void
from podium.gate.floors import Measured
from podium.gate.judge import judge
from podium.gate.opponents import Player, oppose
from podium.gate.paired import interval, level_of
from podium.gate.result import Difference, GateResult, Incumbent
from podium.registry.champion import champion_version, load_champion_bundle, version_digest
from podium.registry.ledger import Use, no_use, record_use
from podium.results import LeaderboardRow
from podium.settings import Settings


def open_test_split(settings: Settings, config: RunConfig, dataset: Dataset, winner: Bundle) -> tuple[Incumbent, Use]:
    """Find the champion and enter the decision in the ledger, before any of its figures exist.

    Raises:
        RegistryError: The champion's files are gone, or not those that were reviewed.
        ReviewError: The log cannot be written.
    """
    model = config.registry.model
    incumbent = _incumbent(settings, model, dataset)
    test, weights = split_digest(dataset.manifest, "test"), weights_digest(winner)
    if weights == incumbent.weights:
        return incumbent, no_use(settings, test=test)
    return incumbent, record_use(settings, model=model, test=test, challenger=weights, champion=incumbent.weights)


def evaluate_incumbent(settings: Settings, config: RunConfig, dataset: Dataset, incumbent: Incumbent) -> Evaluation:
    """The champion on the test images of this run, whatever was stored with it when it was promoted."""
    bundle = _bundle(settings, config.registry.model, incumbent)
    return evaluate(bundle, dataset, "test")


def decide(
    settings: Settings,
    config: RunConfig,
    policy: PromotionPolicy,
    dataset: Dataset,
    winner: Bundle,
    test: Sequence[Evaluation],
    incumbent: Incumbent,
    champion: Evaluation | None,
    use: Use,
    row: LeaderboardRow,
) -> GateResult:
    """Judge the winner by the policy.

    Args:
        settings: Where the registry is.
        config: The run's configuration.
        policy: What is asked for.
        dataset: The data version of the run.
        winner: The selected candidate.
        test: Of the winner and of other seeds of its recipe.
        incumbent: The champion in office.
        champion: Its evaluation on the same images; None if there is none, or it cannot be shown them.
        use: The decision's entry in the ledger.
        row: The winner's, with what it takes; null there, if that was not measured.
    """
    if use.use is None:
        raise ValueError("the winner is the champion itself: there is nothing to decide")
    own = next(e for e in test if e.metrics.candidate == winner.candidate.name)
    duel = _duel(settings, config, dataset, own, incumbent, champion)
    measured = measure(own, row)
    trainings = tuple(e.metrics.accuracy for e in test)
    return GateResult(
        challenger=winner.candidate.name,
        weights=weights_digest(winner),
        champion=incumbent,
        data=dataset.manifest.digest,
        test=split_digest(dataset.manifest, "test"),
        use=use.use,
        uses=use.uses,
        duel=use.duel,
        policy=policy,
        measured=measured,
        difference=_difference(duel, policy, use.duel or 1) if isinstance(duel, Duel) else None,
        trainings=trainings,
        verdict=judge(measured, duel, policy, use=use.use, rank=use.duel or 1, trainings=trainings),
    )


def measure(evaluation: Evaluation, row: LeaderboardRow) -> Measured:
    """The figures that floors are asked of."""
    metrics = evaluation.metrics
    support = [entry.support for entry in metrics.per_class]
    return Measured(
        accuracy=metrics.accuracy,
        most_frequent=max(support) / metrics.count,
        recalls={entry.name: entry.recall for entry in metrics.per_class if entry.support},
        ece=metrics.ece,
        latency=row.latency_p95,
        size=row.file_bytes / 1e6 if row.file_bytes is not None else None,
    )


def weights_digest(bundle: Bundle) -> str:
    """SHA-256 of the weights' file alone: the rest tells seconds, which differ between two equal trainings."""
    with tempfile.TemporaryDirectory() as name:
        bundle.save(Path(name))
        return digest_file(Path(name) / WEIGHTS)


def siblings(candidates: Mapping[str, Candidate], winner: str) -> list[str]:
    """The winner, and the candidates of the run that differ from it in their seed alone; one for each seed."""
    own = candidates[winner]

    def alike(other: Candidate) -> bool:
        return other.model_copy(update={"name": own.name, "seed": own.seed}) == own

    found = {own.seed: winner}
    for name, other in candidates.items():
        if alike(other):
            found.setdefault(other.seed, name)
    return list(found.values())


def _incumbent(settings: Settings, model: str, dataset: Dataset) -> Incumbent:
    version = champion_version(settings, model)
    if version is None:
        return Incumbent(version=None)
    bundle, _ = load_champion_bundle(settings, model, version)
    problem = None
    try:
        check_fit(bundle, dataset)
    except DataError as error:
        problem = error.message
    return Incumbent(
        version=version,
        candidate=bundle.candidate.name,
        digest=version_digest(settings, model, version, None),
        weights=weights_digest(bundle),
        problem=problem,
    )


def _bundle(settings: Settings, model: str, incumbent: Incumbent) -> Bundle:
    if incumbent.version is None:
        raise ValueError("there is no champion to load")
    bundle, _ = load_champion_bundle(settings, model, incumbent.version)
    if weights_digest(bundle) != incumbent.weights:
        raise PodiumError(
            f"version {incumbent.version} of {model} has other weights than when this run began",
            remedy="run `podium review audit`, then run the pipeline again",
        )
    return bundle


def _duel(
    settings: Settings,
    config: RunConfig,
    dataset: Dataset,
    own: Evaluation,
    incumbent: Incumbent,
    champion: Evaluation | None,
) -> Duel | Void | None:
    if incumbent.version is None:
        return None
    if champion is None:
        return Void(reason=incumbent.problem or "the champion was not shown the test images")
    part = dataset["test"]
    bundle = _bundle(settings, config.registry.model, incumbent)
    return oppose(
        np.asarray(part.labels),
        row_digests(part.images),
        Player(own.probabilities.argmax(axis=1), seen_rows(dataset)),
        Player(champion.probabilities.argmax(axis=1), bundle.seen),
        dataset.manifest.class_names,
    )


def _difference(duel: Duel, policy: PromotionPolicy, rank: int) -> Difference:
    pairs = duel.pairs()
    level = 1 - 2 * level_of(rank, policy.comparison.alpha)
    low, high = interval(pairs, level, seed=SEED)
    return Difference(
        images=pairs.count,
        challenger=float(np.mean(duel.challenger == duel.truth)),
        champion=float(np.mean(duel.champion == duel.truth)),
        low=low,
        high=high,
        level=level,
        pairs=pairs,
    )
