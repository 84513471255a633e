"""Criteria of the comparison with the champion, on the same test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podium.config import Frozen
from podium.config.promotion import PromotionPolicy
from podium.gate.paired import Paired, better, corrected, interval, level_of, not_inferior
from podium.gate.verdict import Criterion, Standing
from podium.wording import plural

SEED = 0
"""Of the bootstrap."""


@dataclass(frozen=True, eq=False)
class Duel:
    """What champion and challenger named on the test images."""

    truth: NDArray[np.int64]
    """N."""
    challenger: NDArray[np.int64]
    """N predicted classes."""
    champion: NDArray[np.int64]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        shapes = {values.shape for values in (self.truth, self.challenger, self.champion)}
        if len(shapes) != 1 or self.truth.ndim != 1:
            raise ValueError(f"champion and challenger were not shown the same images: shapes {sorted(shapes)}")

    def pairs(self, chosen: NDArray[np.bool_] | None = None) -> Paired:
        """Outcomes on the images, or on some of them."""
        rows = slice(None) if chosen is None else chosen
        truth = self.truth[rows]
        return Paired.of(self.challenger[rows] == truth, self.champion[rows] == truth)


class Void(Frozen):
    """Why champion and challenger cannot be compared."""

    reason: str
    seen: int | None = None
    """Test images that the champion was trained or chosen on, if that is the reason."""


def compared(duel: Duel | Void | None, policy: PromotionPolicy, *, rank: int = 1) -> list[Criterion]:
    """All criteria of the comparison.

    Args:
        duel: None if there is no champion.
        policy: Levels, margins, severities.
        rank: How often the test split is used to compare with a champion, this time included.
    """
    names = ("valid", "better", "not_worse", "classes_not_worse")
    if duel is None:
        reason = "there is no champion to compare with"
        return [_criterion(policy, name, "not applicable", reason) for name in names]
    if isinstance(duel, Void):
        bound = None if duel.seen is None else 0
        void = _criterion(policy, "valid", "missed", duel.reason, value=duel.seen, bound=bound)
        return [void, *(_criterion(policy, name, "unknown", "the comparison is void") for name in names[1:])]
    alpha = level_of(rank, policy.comparison.alpha)
    fair = _criterion(policy, "valid", "met", "the champion was trained on none of the test images", value=0, bound=0)
    return [fair, _better(duel, policy, alpha), _not_worse(duel, policy, alpha), _classes(duel, policy, alpha)]


def ledger(use: int, policy: PromotionPolicy) -> Criterion:
    """Whether the test split was used for few decisions, this one included."""
    bound = policy.comparison.warn_after
    told = f"this is decision {use} on these test images"
    reason = told if use <= bound else f"{told}; after {bound}, collect new test images"
    return _criterion(policy, "ledger", "met" if use <= bound else "missed", reason, value=use, bound=bound)


def seeds(accuracies: Sequence[float], champion: float | None, policy: PromotionPolicy) -> Criterion:
    """Whether other seeds of the challenger's recipe would have won as well.

    Args:
        accuracies: Test accuracies of the recipe's trainings in the run, the challenger's among them.
        champion: Of the champion; None if there is none.
        policy: How many trainings are asked for.
    """
    asked, count = policy.comparison.seeds, len(accuracies)
    if count < asked:
        reason = f"the run has {count} of the {asked} trainings with different seeds that are asked for"
        return _criterion(policy, "seeds", "missed", reason, value=count, bound=asked)
    if champion is None or count < 2:
        reason = f"the run has {plural(count, 'training')} of the recipe; {asked} asked for"
        return _criterion(policy, "seeds", "met", reason, value=count, bound=asked)
    mean, spread = float(np.mean(accuracies)), float(np.std(accuracies, ddof=1))
    told = f"{count} seeds reach {mean:.4f} ± {spread:.4f} (standard deviation), the champion {champion:.4f}"
    standing: Standing = "met" if mean - champion > -policy.comparison.margin else "missed"
    return _criterion(policy, "seeds", standing, told, value=mean, bound=champion - policy.comparison.margin)


def _better(duel: Duel, policy: PromotionPolicy, alpha: float) -> Criterion:
    pairs = duel.pairs()
    chance = better(pairs)
    low, high = interval(pairs, 1 - 2 * alpha, seed=SEED)  # two-sided, to go with a one-sided test
    reason = (
        f"accuracy differs by {_points(pairs.difference)} ({100 * (1 - 2 * alpha):.1f} % interval {_points(low)} to"
        f" {_points(high)}); the challenger alone is right on {pairs.challenger:,} images, the champion alone on"
        f" {pairs.champion:,} (exact McNemar test, one-sided: p = {chance:.2g}, {alpha:.2g} is asked for)"
    )
    return _criterion(policy, "better", "met" if chance <= alpha else "missed", reason, value=chance, bound=alpha)


def _not_worse(duel: Duel, policy: PromotionPolicy, alpha: float) -> Criterion:
    margin, pairs = policy.comparison.margin, duel.pairs()
    chance = not_inferior(pairs, margin)
    standing: Standing = "met" if chance <= alpha else "missed" if pairs.difference <= -margin else "undecided"
    told = {
        "met": f"the challenger is not worse by {_points(margin)} or more",
        "missed": f"the challenger lies {_points(-pairs.difference)} below the champion, {_points(margin)} are allowed",
        "undecided": f"{pairs.count:,} images are too few to rule out a loss of {_points(margin)}",
    }
    reason = f"{told[standing]} (score test of non-inferiority: p = {chance:.2g}, {alpha:.2g} is asked for)"
    return _criterion(policy, "not_worse", standing, reason, value=chance, bound=alpha)


def _classes(duel: Duel, policy: PromotionPolicy, alpha: float) -> Criterion:
    margin = policy.comparison.class_margin
    labels = [label for label in range(len(duel.class_names)) if (duel.truth == label).any()]
    names = [duel.class_names[label] for label in labels]
    single = np.array([not_inferior(duel.pairs(duel.truth == label), margin) for label in labels])
    chances = corrected(list(single))
    fine, worse = chances <= alpha, corrected(list(1 - single)) <= alpha
    standing: Standing = "missed" if worse.any() else "met" if fine.all() else "undecided"
    told = {
        "met": f"the recall of no class is worse by {_points(margin)} or more",
        "missed": f"worse by more than {_points(margin)}, beyond chance: {_named(names, worse)}",
        "undecided": f"there are too few images to rule out a loss of {_points(margin)} of recall in"
        f" {_named(names, ~fine)}",
    }
    reason = f"{told[standing]} (score tests at {alpha:.2g}, Holm's correction over {len(names)} classes)"
    return _criterion(policy, "classes_not_worse", standing, reason, value=float(chances.max()), bound=alpha)


def _named(names: list[str], chosen: NDArray[np.bool_]) -> str:
    found = [name for name, this in zip(names, chosen, strict=True) if this]
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def _points(share: float) -> str:
    return f"{100 * share:.2f} points".replace("-", "−")


def _criterion(
    policy: PromotionPolicy, name: str, standing: Standing, reason: str,
    value: float | None = None, bound: float | None = None,
) -> Criterion:  # fmt: skip
    severity = policy.severity_of(name)
    return Criterion(name=name, standing=standing, severity=severity, reason=reason, value=value, bound=bound)
