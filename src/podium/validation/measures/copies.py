"""Images that repeat others: byte for byte, or nearly so, within a split and across splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from podium.results import SplitName
from podium.validation.context import Context
from podium.validation.frame import Frame, Place

COPIES = {
    "repeats": "1 if an earlier image of the split is the same, byte for byte",
    "elsewhere": "1 if the same image stands in another split; 0 for train",
    "conflict": "1 if the same image stands in the data set with another label",
    "near_repeats": "1 if an earlier image of the split shows the same picture without being the same",
    "near_elsewhere": "1 if an image of another split shows the same picture without being the same; 0 for train",
    "near_conflict": "1 if an image that shows the same picture has another label",
    "twin": "where the same image stands",
    "near_twin": "where an image stands that shows the same picture",
    "labels": "the labels that the image has",
    "near_labels": "the labels that images of this picture have",
}

Groups = Mapping[SplitName, NDArray[np.int32]]
Labels = Mapping[SplitName, NDArray[np.int64]]


def copies(context: Context) -> Iterator[Frame]:
    """A frame a split."""
    if not context.measured:
        return
    exact: Groups = {split: found.groups for split, found in context.measured.items()}
    near: Groups = context.near_groups()
    labels = {split: np.asarray(found.labels) for split, found in context.measured.items()}
    mixed, near_mixed = _mixed(exact, labels), _mixed(near, labels)
    for split in context.measured:
        of, alike = exact[split], near[split]
        conflict, near_conflict = mixed[of], near_mixed[alike]
        repeats, elsewhere = _repeats(of), _elsewhere(split, exact)
        columns = {
            "repeats": repeats,
            "elsewhere": elsewhere,
            "conflict": conflict,
            "near_repeats": _repeats(alike) & ~repeats,
            "near_elsewhere": _elsewhere(split, near) & ~elsewhere,
            "near_conflict": near_conflict & ~conflict,
        }
        yield Frame(
            split,
            {name: values.view(np.int8) for name, values in columns.items()},
            lazy={
                "twin": _twin(split, exact, exact),
                "near_twin": _twin(split, near, exact),
                "labels": _pair(split, exact, labels),
                "near_labels": _pair(split, near, labels),
            },
        )


def _repeats(groups: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Every image of a group but the first."""
    places = np.arange(len(groups), dtype=np.int32)
    first = np.empty(int(groups.max()) + 1, np.int32)
    first[groups[::-1]] = places[::-1]  # of several, the last one written stays
    return first[groups] != places


def _elsewhere(split: SplitName, groups: Groups) -> NDArray[np.bool_]:
    """Whether the group has images in other splits; leakage is told of the split that is judged on, not of train."""
    found = np.zeros(len(groups[split]), bool)
    if split != "train":
        for name, others in groups.items():
            if name != split:
                found |= np.isin(groups[split], others)
    return found


def _mixed(groups: Groups, labels: Labels) -> NDArray[np.bool_]:
    """Of each group, whether its images have different labels."""
    count = 1 + max(int(of.max()) for of in groups.values())
    one, mixed = np.zeros(count, np.int64), np.zeros(count, bool)
    for split, of in groups.items():
        one[of] = labels[split]
    for split, of in groups.items():
        mixed[of[one[of] != labels[split]]] = True
    return mixed


def _twin(split: SplitName, groups: Groups, exact: Groups) -> Callable[[int], object]:
    """Finds the first other image of the group: one that is not the same rather, and of another split rather."""

    def of(index: int) -> Place | str:
        number, own = groups[split][index], exact[split][index]
        best: tuple[tuple[bool, bool], Place] | None = None
        for name in sorted(groups, key=lambda other: other == split):
            for position in np.flatnonzero(groups[name] == number)[:64].tolist():
                if name == split and position == index:
                    continue
                rank = (groups is not exact and exact[name][position] == own, name == split)
                if best is None or rank < best[0]:
                    best = rank, Place(name, position)
        return best[1] if best else "none"

    return of


def _pair(split: SplitName, groups: Groups, labels: Labels) -> Callable[[int], object]:
    """Tells the least and the greatest label of the group."""

    def of(index: int) -> str:
        number = groups[split][index]
        found = np.concatenate([labels[name][other == number] for name, other in groups.items()])
        return f"{found.min()} and {found.max()}"

    return of
