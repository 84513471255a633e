"""The gate: every criterion of the policy, and what follows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from podium.config.promotion import PromotionPolicy
from podium.gate.comparison import Duel, Void, compared, ledger, seeds
from podium.gate.floors import Measured, floors
from podium.gate.verdict import Verdict, verdict


def judge(
    measured: Measured,
    duel: Duel | Void | None,
    policy: PromotionPolicy,
    *,
    use: int = 1,
    rank: int = 1,
    trainings: Sequence[float] = (),
) -> Verdict:
    """Whether a challenger may be promoted.

    Args:
        measured: Its figures on the test split.
        duel: Its outcomes beside the champion's on the same images; None if there is no champion, Void if
            the two cannot be compared.
        policy: What is asked for.
        use: How often the test split is used for a decision, this one included.
        rank: How often for one that compares with a champion; only these have a chance of error that is bounded.
        trainings: Test accuracies of all trainings of its recipe in the run, its own among them.
    """
    champion = float(np.mean(duel.champion == duel.truth)) if isinstance(duel, Duel) else None
    return verdict(
        [
            *floors(measured, policy),
            *compared(duel, policy, rank=rank),
            seeds(trainings or (measured.accuracy,), champion, policy),
            ledger(use, policy),
        ]
    )
