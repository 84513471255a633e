"""Put a dossier together from what a run measured. Pure: no registry, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from podium.data import Dataset
from podium.dossier.facts import Bound, Caution, DataDrift, Disagreement, Dossier, Figures, Subject, Topic
from podium.dossier.words import summary
from podium.evaluation.evaluate import Evaluation
from podium.evaluation.metrics import wilson_interval
from podium.evaluation.records import Findings, Slice
from podium.evaluation.slices import slices_of_each
from podium.gate.result import GateResult
from podium.results import TrainingSummary

EXAMPLES: Final = 24
"""Images shown on which the two models differ."""


def compose(
    *,
    subject: Subject,
    bound: Bound,
    gate: GateResult,
    dataset: Dataset,
    challenger: Evaluation,
    champion: Evaluation | None,
    training: TrainingSummary,
    examination: Findings | None = None,
    unexamined: str | None = None,
    champion_examination: Findings | None = None,
    champion_unexamined: str | None = None,
    data_drift: DataDrift | None = None,
    cautions: Sequence[Caution] = (),
    lineage: Mapping[str, str],
) -> Dossier:
    """The dossier of one version.

    Args:
        subject: What is to be decided on.
        bound: The digests.
        gate: Its verdict.
        dataset: Opened; names of images and classes are taken from it.
        challenger: On the test split.
        champion: Likewise; None if there is none, or it could not be shown the images.
        training: Of the challenger; its warnings become cautions.
        examination: Of the challenger, on validation.
        unexamined: Why there is none.
        champion_examination: Of the champion, on the same images.
        champion_unexamined: Why there is none, although there is a champion.
        data_drift: Of the data version from the champion's.
        cautions: Of data validation, drift and lineage.
        lineage: Label → value.

    Raises:
        ValueError: An examination is of another candidate or other data.
    """
    if champion_examination and champion_examination.data_digest != dataset.manifest.digest:
        raise ValueError(f"an examination of the champion on data {champion_examination.data_digest[:12]}")
    if examination and (examination.candidate, examination.data_digest) != (
        subject.candidate,
        dataset.manifest.digest,
    ):
        raise ValueError(f"an examination of {examination.candidate} on data {examination.data_digest[:12]}")
    sliced = _slices(dataset, [challenger, *([champion] if champion else [])])
    figures = _figures(challenger, subject.version, sliced[0], gate.use)
    rival = _figures(champion, gate.champion.version, sliced[1], gate.use) if champion else None
    differ = _differing(challenger, champion) if champion else np.empty(0, np.int64)
    found = [
        *cautions,
        *(_caution("training", text) for text in training.warnings),
    ]
    name = f"{subject.candidate} (version {subject.version})"
    return Dossier(
        summary=summary(name, gate.verdict, figures, gate.difference),
        outcome=gate.verdict.outcome,
        subject=subject,
        bound=bound,
        criteria=gate.verdict.criteria,
        challenger=figures,
        champion=rival,
        difference=gate.difference,
        use=gate.use,
        duel=gate.duel,
        disagreements=len(differ),
        examples=_examples(dataset, challenger, champion, differ) if champion else (),
        examination=examination,
        unexamined=unexamined,
        champion_examination=champion_examination,
        champion_unexamined=champion_unexamined,
        data_drift=data_drift,
        cautions=tuple(found),
        lineage=dict(lineage),
        policy=gate.policy.model_dump(mode="json"),
    )


def _slices(dataset: Dataset, evaluations: Sequence[Evaluation]) -> tuple[tuple[Slice, ...], ...]:
    part, names = dataset["test"], dataset.manifest.class_names
    return slices_of_each(part.images, part.labels, [one.probabilities.argmax(axis=1) for one in evaluations], names)


def _figures(evaluation: Evaluation, version: int | None, slices: tuple[Slice, ...], use: int) -> Figures:
    metrics = evaluation.metrics
    level = 1 - 0.05 / use
    low, high = wilson_interval(round(metrics.accuracy * metrics.count), metrics.count, level)
    return Figures(
        candidate=metrics.candidate,
        version=version,
        accuracy=metrics.accuracy,
        accuracy_low=low,
        accuracy_high=high,
        level=level,
        macro_f1=metrics.macro_f1,
        loss=metrics.loss,
        recalls={entry.name: entry.recall if entry.support else None for entry in metrics.per_class},
        ece=metrics.ece,
        brier=metrics.brier,
        reliability=metrics.reliability,
        slices=slices,
    )


def _differing(challenger: Evaluation, champion: Evaluation) -> NDArray[np.int64]:
    return np.flatnonzero(challenger.probabilities.argmax(axis=1) != champion.probabilities.argmax(axis=1))


def _examples(
    dataset: Dataset, challenger: Evaluation, champion: Evaluation, differ: NDArray[np.int64]
) -> tuple[Disagreement, ...]:
    """Gains and losses in turn, the surest first, then those where both are wrong."""
    labels = np.asarray(dataset["test"].labels)
    new, old = challenger.probabilities, champion.probabilities
    groups = []
    for table in (new, old):
        chosen = differ[table[differ].argmax(axis=1) == labels[differ]]
        groups.append(chosen[np.argsort(-table[chosen].max(axis=1), kind="stable")])
    gained, lost = groups
    rest = np.setdiff1d(differ, np.concatenate(groups))
    turns = [index for pair in zip(gained, lost, strict=False) for index in pair]
    shorter = min(len(gained), len(lost))
    order = [*turns, *gained[shorter:], *lost[shorter:], *rest][:EXAMPLES]
    items, names = dataset.items("test"), dataset.manifest.class_names

    def one(index: int) -> Disagreement:
        return Disagreement(
            index=index,
            item=items.names[index],
            truth=names[labels[index]],
            challenger=names[int(new[index].argmax())],
            challenger_probability=float(new[index].max()),
            champion=names[int(old[index].argmax())],
            champion_probability=float(old[index].max()),
        )

    return tuple(one(int(index)) for index in order)


def _caution(topic: Topic, text: str) -> Caution:
    return Caution(topic=topic, text=text)


def data_cautions(checks: Sequence[Any]) -> list[Caution]:
    """Of the failed checks of the data validation (``podium.validation.results.CheckResult``)."""
    return [_caution("data", f"{check.title}: {check.message}") for check in checks]
