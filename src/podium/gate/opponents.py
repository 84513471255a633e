"""Whether champion and challenger may be compared, and on which of the test images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podium.data.content import Rows
from podium.gate.comparison import Duel, Void
from podium.wording import plural


@dataclass(frozen=True, eq=False)
class Player:
    """A model before the test split."""

    predicted: NDArray[np.int64]
    """N: the class that it names for each test image."""
    seen: Rows | None
    """Digests of the rows that it was trained and chosen on, sorted; None where nobody kept them."""


def oppose(
    truth: NDArray[np.int64], rows: Rows, challenger: Player, champion: Player, class_names: tuple[str, ...]
) -> Duel | Void:
    """Both models' answers on the test images that neither was trained or chosen on.

    Images that stand in the challenger's own training rows as well are repeats within the data version, which its
    validation tells: they are left out. Any other that the champion has seen makes its figures worthless.

    Args:
        truth: N labels.
        rows: N digests of the test images.
        challenger: Trained on the data version that the test split is of.
        champion: In office.
        class_names: In label order.
    """
    if challenger.seen is None:
        raise ValueError("the challenger's training rows are not known")
    if champion.seen is None:
        return Void(reason="nobody kept which images the champion was trained on: it may have seen the test images")
    fresh = ~np.isin(rows, challenger.seen)
    known = int(np.isin(rows[fresh], champion.seen).sum())
    if known:
        share = f"{known:,} of {plural(int(fresh.sum()), 'test image')}"
        return Void(
            reason=f"the champion was trained or chosen on {share}: what the two reach on them cannot be compared",
            seen=known,
        )
    if not fresh.any():
        return Void(reason="every test image stands among the training images as well")
    return Duel(truth[fresh], challenger.predicted[fresh], champion.predicted[fresh], class_names)
