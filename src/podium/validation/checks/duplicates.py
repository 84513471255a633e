"""Images that are the same, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from podium.results import SplitName
from podium.validation.context import Context, Measured
from podium.validation.rule import Rule, Table


def duplicates_within(context: Context) -> Iterator[Rule]:
    """Few images of a split repeat another one of it."""
    bound = context.config.max_duplicates_within
    for split, found in context.measured.items():
        first, position = np.unique(found.groups, return_index=True)
        repeats = np.ones(len(found), bool)
        repeats[position] = False
        where = dict(zip(first.tolist(), position.tolist(), strict=True))
        yield Rule(
            split,
            Table("images", {"group": found.groups}),
            "ExpectColumnProportionOfUniqueValuesToBeBetween",
            {"column": "group", "min_value": 1 - bound},
            "warning",
            f"at most {bound:.1%} repeated",
            f"images that repeat another one: {int(repeats.sum())} ({repeats.mean():.2%})",
            "remove them, or raise validation.max_duplicates_within",
            offending=np.flatnonzero(repeats),
            reason=_first(split, found.groups, where),
        )


def duplicates_across(context: Context) -> Iterator[Rule]:
    """No image of validation or test stands in another split: figures on it would flatter."""
    bound = context.config.max_duplicates_across
    for split, found in context.measured.items():
        if split == "train":
            continue
        others = {name: other for name, other in context.measured.items() if name != split}
        elsewhere = np.zeros(len(found), bool)
        for other in others.values():
            elsewhere |= np.isin(found.groups, other.groups)
        yield Rule(
            split,
            Table("images", {"elsewhere": elsewhere.astype(int)}),
            "ExpectColumnSumToBeBetween",
            {"column": "elsewhere", "max_value": bound},
            "critical",
            f"at most {bound}",
            "images that also stand in another split: {observed}",
            "import with --drop-duplicates, or raise validation.max_duplicates_across",
            offending=np.flatnonzero(elsewhere),
            reason=_twin(found.groups, others),
        )


def contradictions(context: Context) -> Iterator[Rule]:
    """No image stands there twice with different labels."""
    if not context.measured:
        return
    groups = np.concatenate([found.groups for found in context.measured.values()])
    labels = np.concatenate([found.labels for found in context.measured.values()])
    low, high = np.full(groups.max() + 1, np.iinfo(np.int64).max), np.full(groups.max() + 1, np.iinfo(np.int64).min)
    np.minimum.at(low, groups, labels)
    np.maximum.at(high, groups, labels)
    for split, found in context.measured.items():
        conflict = low[found.groups] != high[found.groups]
        yield Rule(
            split,
            Table("images", {"conflict": conflict.astype(int)}),
            "ExpectColumnSumToBeBetween",
            {"column": "conflict", "max_value": context.config.max_contradictions},
            "warning",
            f"at most {context.config.max_contradictions}",
            "images that also stand there with another label: {observed}",
            "correct the labels, or remove the images",
            offending=np.flatnonzero(conflict),
            reason=_labels_of(low[found.groups], high[found.groups]),
        )


def _twin(groups: NDArray[np.int64], others: Mapping[SplitName, Measured]) -> Callable[[int], str]:
    def reason(index: int) -> str:
        for name, other in others.items():
            same = np.flatnonzero(other.groups == groups[index])
            if same.size:
                return f"same as {name} {same[0]}"
        raise ValueError(f"image {index} has no twin")

    return reason


def _first(split: SplitName, groups: NDArray[np.int64], where: Mapping[int, int]) -> Callable[[int], str]:
    return lambda index: f"same as {split} {where[int(groups[index])]}"


def _labels_of(low: NDArray[np.int64], high: NDArray[np.int64]) -> Callable[[int], str]:
    return lambda index: f"labels {low[index]} and {high[index]}"
