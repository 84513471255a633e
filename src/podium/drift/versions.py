"""Whether the data of one version looks like that of another, of which only the profile was kept."""

from __future__ import annotations

import numpy as np

from podium.config.base import Frozen
from podium.drift.classes import ClassTable, count_table
from podium.drift.config import DriftConfig
from podium.drift.decision import kinds, sentence
from podium.drift.detect import run_tests
from podium.drift.profile import DataProfile, SplitProfile
from podium.drift.results import Kind, SkippedTest, TestResult
from podium.drift.side import LEAST
from podium.results import SplitName


class SplitDrift(Frozen):
    """One split against the same split of the other version."""

    split: SplitName
    drift: bool
    kinds: tuple[Kind, ...]
    sentence: str
    alpha: float
    """Of this split's tests together."""
    reference: int
    """Images of the other version; labels are all counted."""
    current: int
    tests: tuple[TestResult, ...]
    skipped: tuple[SkippedTest, ...] = ()


def compare_profiles(
    reference: DataProfile, current: DataProfile, config: DriftConfig | None = None
) -> tuple[SplitDrift, ...]:
    """Labels and pixel statistics of each split that both have; the level is shared among the splits (Bonferroni).

    Where both versions hold the same images, the samples depend on each other, which makes the tests conservative.

    Args:
        reference: Of the earlier version.
        current: Of the later one.
        config: Level and minimum effects; the defaults of ``podium drift``.
    """
    asked = config or DriftConfig()
    shared = [split for split in reference.splits if split in current.splits]
    part = asked.model_copy(update={"alpha": asked.alpha / max(1, len(shared))})
    return tuple(_compare(reference, current, split, part) for split in shared)


def _compare(reference: DataProfile, current: DataProfile, split: SplitName, config: DriftConfig) -> SplitDrift:
    before, now = reference.splits[split], current.splits[split]
    reason = _incomparable(reference, current, before, now)
    table = _classes(reference, current, split) if before.count and now.count else None
    pixels = None if reason else (before.table(), now.table())
    tests, _, _ = run_tests(table, pixels, None, config) if table or pixels else ((), None, 0)
    return SplitDrift(
        split=split,
        drift=bool(found := kinds(tests)),
        kinds=found,
        sentence=sentence(tests, config.alpha) if tests else "No test could be made.",
        alpha=config.alpha,
        reference=before.count,
        current=now.count,
        tests=tests,
        skipped=(SkippedTest(name="pixels", reason=reason),) if reason else (),
    )


def _classes(reference: DataProfile, current: DataProfile, split: SplitName) -> ClassTable:
    return count_table(
        (np.array(reference.splits[split].per_class), reference.class_names),
        (np.array(current.splits[split].per_class), current.class_names),
    )


def _incomparable(reference: DataProfile, current: DataProfile, before: SplitProfile, now: SplitProfile) -> str:
    """Why pixels cannot be compared, or nothing."""
    if (reference.height, reference.width) != (current.height, current.width):
        sizes = (f"{one.width}×{one.height}" for one in (reference, current))
        return f"images were {' pixels large and are '.join(sizes)} now: sharpness and noise depend on the size"
    if min(before.sampled, now.sampled) < LEAST:
        return f"fewer than {LEAST} images on a side"
    return ""
