"""From what the files give to train, validation and test: missing splits are drawn, duplicates are dealt with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from podium.data.duplicates import Groups
from podium.data.manifest import SPLITS
from podium.data.splits import Indices, stratified_split
from podium.errors import DataError
from podium.wording import plural

_log = logging.getLogger(__name__)


def divide(
    given: Mapping[str, Indices],
    labels: NDArray[np.int32] | NDArray[np.int64],
    identical: Groups,
    shares: Mapping[str, float],
    seed: int,
    *,
    drop_duplicates: bool,
    related: Callable[[Indices], Groups],
) -> dict[str, Indices]:
    """Return the images of the three splits: ascending numbers.

    Args:
        given: Images of the splits that have files; ``train`` at least.
        labels: One an image.
        identical: One an image: identical images have the same number.
        shares: For each split to draw from train, its share of train.
        seed: Of the drawn splits.
        drop_duplicates: Remove images that also stand in a later split (``train`` < ``validation`` < ``test``).
        related: Numbers the images of train so that those which must stay together have the same number.

    Raises:
        DataError: A class is too small, or nothing is left of a split.
    """
    splits = dict(given)
    if drop_duplicates:
        splits = _without_duplicates(splits, identical)
    if shares:
        train = splits["train"]
        groups = related(train)
        parts = stratified_split(labels[train], {"train": 1 - sum(shares.values()), **shares}, seed, groups=groups)
        splits |= {split: train[places] for split, places in parts.items()}
    _warn(splits, identical)
    return {split: splits[split] for split in SPLITS}


def _without_duplicates(splits: Mapping[str, Indices], identical: Groups) -> dict[str, Indices]:
    seen = np.empty(0, np.int64)
    kept = {}
    for split in reversed([split for split in SPLITS if split in splits]):
        images = splits[split]
        rest = images[~np.isin(identical[images], seen)]
        if not len(rest):
            raise DataError(
                f"{split}: every image also stands in another split", remedy="give other files for the splits"
            )
        if len(rest) < len(images):
            removed = plural(len(images) - len(rest), "image")
            _log.warning("%s removed from %s: also in a later split", removed, split)
        kept[split] = rest
        seen = np.union1d(seen, identical[images])
    return kept


def _warn(splits: Mapping[str, Indices], identical: Groups) -> None:
    """Tell of images that stand in two splits: validation will refuse the data set."""
    found = np.zeros(int(max(identical.max(initial=-1), 0)) + 1, np.uint8)
    """Of each distinct image: a bit for each split that has it."""
    for i, split in enumerate(SPLITS):
        found[identical[splits[split]]] |= 1 << i
    for i, split in enumerate(SPLITS):
        for j, other in enumerate(SPLITS[:i]):
            both = 1 << i | 1 << j
            count = int(np.count_nonzero((found & both) == both))
            if count:
                _log.warning(
                    "%s of %s %s also in %s; an import with --drop-duplicates removes such images from %s",
                    plural(count, "image"), split, "is" if count == 1 else "are", other, other,
                )  # fmt: skip
