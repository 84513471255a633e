"""Which candidate wins, and the leaderboard. Selection sees validation figures alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Final

from podium.errors import PodiumError
from podium.evaluation.records import Cost
from podium.results import (
    DataReference,
    Failure,
    Leaderboard,
    LeaderboardRow,
    Metrics,
    SeedSpread,
    Selection,
    Spread,
    TrainingSummary,
)

_VALUE: Final[Mapping[str, Callable[[Metrics], float]]] = {
    "accuracy": lambda metrics: metrics.accuracy,
    "macro_f1": lambda metrics: metrics.macro_f1,
    "loss": lambda metrics: metrics.loss,
}


def select(metrics: Sequence[Metrics], metric: str) -> Selection:
    """Choose the best candidate on validation figures, by ``accuracy``, ``macro_f1`` or ``loss``.

    Of candidates with the same figure the one with the lower validation loss wins, then the first by name.

    Raises:
        PodiumError: There are no figures: no candidate completed.
        ValueError: The metric is unknown, a figure is not of the validation split, two are of one candidate, or
            they are of different data.
    """
    if metric not in _VALUE:
        raise ValueError(f"{metric!r} is no metric to select by: use one of {', '.join(_VALUE)}")
    if not metrics:
        raise PodiumError(
            "no candidate completed, so there is nothing to select from",
            remedy="read the causes in the leaderboard and correct the recipes or the data",
        )
    _check_split(metrics, "validation")
    names = [entry.candidate for entry in metrics]
    if len(set(names)) != len(names):
        raise ValueError(f"two validation figures for one candidate: {sorted(names)}")
    if len({entry.data_digest for entry in metrics}) != 1:
        raise ValueError("the candidates were validated on different data; their figures cannot be compared")
    ranked = sorted(metrics, key=lambda entry: _order(entry, metric))
    return Selection(
        selected=ranked[0].candidate,
        metric=metric,
        values={entry.candidate: _VALUE[metric](entry) for entry in ranked},
    )


def build_leaderboard(
    *,
    run: str,
    config_name: str,
    model: str,
    data: DataReference,
    selection: Selection | None,
    summaries: Mapping[str, TrainingSummary],
    validation: Mapping[str, Metrics],
    test: Mapping[str, Metrics],
    failures: Mapping[str, Failure],
    costs: Mapping[str, Cost] | None = None,
    seeded: Mapping[str, Sequence[str]] | None = None,
    metric: str = "accuracy",
    version: int | None = None,
    champion: int | None = None,
) -> Leaderboard:
    """Put the outcome of a run side by side: completed candidates first, best validation figure first.

    Args:
        run: Name of the run.
        config_name: Name of its configuration.
        model: Name of the registered model.
        data: The data that it used.
        selection: The fixed selection; None if there is none (yet).
        summaries: Of each completed candidate.
        validation: Validation figures of each completed candidate.
        test: Test figures; empty, or of completed candidates.
        failures: Why each failed candidate failed, in the order of the run.
        costs: Of completed candidates, those that were examined.
        seeded: The branches that differ in their seed alone, by the candidate's name.
        metric: What ranks the candidates where there is no selection; otherwise the selection's metric does.
        version: The registry's version of the selected candidate.
        champion: The registry's promoted version.

    Raises:
        ValueError: Test figures without a selection, figures of another split or of other data, a candidate
            that both completed and failed, or a completed one without its summary.
    """
    if test and selection is None:
        raise ValueError("test figures without a selection: the test split is opened once the winner is fixed")
    _check_split(list(validation.values()), "validation")
    _check_split(list(test.values()), "test")
    for entry in (*validation.values(), *test.values()):
        if entry.data_digest != data.digest:
            raise ValueError(f"{entry.candidate}: {entry.split} figures are of other data ({entry.data_digest[:12]})")
    for what, names in (("failed and", set(failures)), ("has no summary but", set(validation) - set(summaries))):
        if wrong := sorted(names & set(validation)):
            raise ValueError(f"{wrong[0]} {what} has validation figures")
    if stray := sorted(set(test) - set(validation)):
        raise ValueError(f"{stray[0]} has test figures but no validation figures")
    if selection and selection.selected not in validation:
        raise ValueError(f"{selection.selected} is selected but has no validation figures")
    used: str = selection.metric if selection else metric
    ranked = sorted(validation.values(), key=lambda entry: _order(entry, used))
    costs = costs or {}
    order = [entry.candidate for entry in ranked]
    completed = [_row(validation[name], test.get(name), summaries[name], costs.get(name)) for name in order]
    failed = [
        LeaderboardRow(recipe=name, status="failed", cause=failure.cause, remedy=failure.remedy or None)
        for name, failure in failures.items()
    ]
    return Leaderboard(
        run=run,
        config=config_name,
        model=model,
        data=data,
        selected=selection.selected if selection else None,
        selection_metric=used,
        version=version,
        champion=champion,
        candidates=(*completed, *failed),
        seeds=seed_spreads(seeded or {}, validation, test),
    )


def seed_spreads(
    seeded: Mapping[str, Sequence[str]], validation: Mapping[str, Metrics], test: Mapping[str, Metrics]
) -> tuple[SeedSpread, ...]:
    """Mean and standard deviation over the seeds of each candidate that names several.

    Args:
        seeded: The branches that differ in their seed alone, by the candidate's name.
        validation: Figures of the branches that completed.
        test: Figures of those for which the test split was opened.
    """
    return tuple(
        SeedSpread(
            name=name,
            branches=tuple(branches),
            validation_accuracy=_spread(validation, branches),
            test_accuracy=_spread(test, branches),
        )
        for name, branches in seeded.items()
    )


def _spread(metrics: Mapping[str, Metrics], branches: Sequence[str]) -> Spread | None:
    values = [metrics[branch].accuracy for branch in branches if branch in metrics]
    if not values:
        return None
    return Spread(mean=fmean(values), sd=stdev(values) if len(values) > 1 else None, count=len(values))


def _row(validation: Metrics, test: Metrics | None, summary: TrainingSummary, cost: Cost | None) -> LeaderboardRow:
    single, batched = (cost.timing.latency[0], cost.timing.latency[-1]) if cost else (None, None)
    return LeaderboardRow(
        recipe=validation.candidate,
        status="completed",
        validation_accuracy=validation.accuracy,
        validation_loss=validation.loss,
        validation_ece=validation.ece,
        test_accuracy=test.accuracy if test else None,
        test_accuracy_low=test.accuracy_low if test else None,
        test_accuracy_high=test.accuracy_high if test else None,
        test_loss=test.loss if test else None,
        test_precision=test.macro_precision if test else None,
        test_recall=test.macro_recall if test else None,
        test_f1=test.macro_f1 if test else None,
        test_ece=test.ece if test else None,
        parameters=summary.parameters,
        trainable_parameters=summary.trainable_parameters,
        epochs=summary.epochs,
        train_seconds=summary.train_seconds,
        milliseconds_per_image=(test or validation).milliseconds_per_image,
        flops=cost.flops if cost else None,
        file_bytes=cost.file_bytes if cost else None,
        latency_p50=single.p50 if single else None,
        latency_p95=single.p95 if single else None,
        throughput=batched.throughput if batched else None,
    )


def _order(entry: Metrics, metric: str) -> tuple[float, float, str]:
    value = _VALUE[metric](entry)
    return (value if metric == "loss" else -value, entry.loss, entry.candidate)


def _check_split(metrics: Sequence[Metrics], split: str) -> None:
    for entry in metrics:
        if entry.split != split:
            raise ValueError(f"{entry.candidate}: {entry.split} figures where only {split} figures are allowed")
