"""The gate's promises, simulated as ``benchmarks/gate.py`` does: how rarely it is wrong, and how much it finds."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gate import draw, judged

DRAWS, IMAGES = 1000, 10_000


def called_better(gain: float, differ: float) -> int:
    """Of a thousand test splits, the first decision on each: how often the challenger is called better."""
    generator = np.random.default_rng(0)
    return judged((draw(IMAGES, 0.9, gain, differ, generator) for _ in range(DRAWS)), use=1)["better"]


@pytest.mark.slow
def test_an_equal_challenger_is_rarely_called_better() -> None:
    assert 0 < called_better(0.0, 0.06) <= 0.05 * DRAWS


@pytest.mark.slow
def test_one_point_more_is_mostly_found_also_where_the_models_differ_much() -> None:
    assert called_better(0.01, 0.10) >= 0.9 * DRAWS
