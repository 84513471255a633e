"""From what the files give to train, validation and test: missing splits are drawn, duplicates are dealt with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from podium.data.duplicates import number_groups
from podium.data.sources.pool import Pool
from podium.data.splits import stratified_split
from podium.data.store import SPLITS
from podium.errors import DataError

_log = logging.getLogger(__name__)


def divide(
    pools: Mapping[str, Pool], shares: Mapping[str, float], seed: int, *, drop_duplicates: bool, work: Path
) -> dict[str, Pool]:
    """Return the three splits.

    Args:
        pools: The splits that have files; ``train`` at least.
        shares: For each split to draw from train, its share of train. Identical images stay together.
        seed: Of the drawn splits.
        drop_duplicates: Remove images that also stand in a later split (``train`` < ``validation`` < ``test``).
        work: Folder for what has to be copied.

    Raises:
        DataError: A class is too small, or nothing is left of a split.
    """
    splits = dict(pools)
    if drop_duplicates:
        splits = _without_duplicates(splits, work)
    if shares:
        rest = 1 - sum(shares.values())
        train = splits["train"]
        parts = stratified_split(train.labels, {"train": rest, **shares}, seed, groups=number_groups(train.digests))
        splits |= {split: train.select(indices, work / f"{split}.drawn.npy") for split, indices in parts.items()}
    _warn(splits)
    return splits


def _without_duplicates(pools: Mapping[str, Pool], work: Path) -> dict[str, Pool]:
    seen: set[bytes] = set()
    kept = {}
    for split in reversed([split for split in SPLITS if split in pools]):
        pool = pools[split]
        indices = np.flatnonzero([digest not in seen for digest in pool.digests])
        if not len(indices):
            raise DataError(
                f"{split}: every image also stands in another split", remedy="give other files for the splits"
            )
        if len(indices) < len(pool):
            _log.warning("%d images removed from %s: they also stand in a later split", len(pool) - len(indices), split)
        kept[split] = pool.select(indices, work / f"{split}.distinct.npy")
        seen.update(pool.digests)
    return kept


def _warn(splits: Mapping[str, Pool]) -> None:
    """Tell of images that stand in two splits: validation will refuse the data set."""
    for i, split in enumerate(SPLITS):
        digests = set(splits[split].digests)
        for other in SPLITS[:i]:
            count = len(digests.intersection(splits[other].digests))
            if count:
                _log.warning(
                    "%d images of %s also stand in %s; import with --drop-duplicates to remove them from %s",
                    count, split, other, other,
                )  # fmt: skip
