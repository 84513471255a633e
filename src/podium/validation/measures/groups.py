"""Groups - a patient, a video - whose images stand in several splits: then figures on the later one flatter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from podium.data.items import unescape
from podium.results import SplitName
from podium.validation.context import SPLIT_NAMES, Context
from podium.validation.frame import Frame, Place

GROUPS = {
    "group_elsewhere": "1 if an image of the same group stands in an earlier split (train, validation, test)",
    "group": "what the image belongs to, as items.tsv has it: a patient, a video",
    "group_twin": "where the first image of the same group stands in an earlier split",
}

Groups = NDArray[np.uint64]


def groups(context: Context) -> Iterator[Frame]:
    """A frame a split; nothing is flagged where no groups are known."""
    earlier: dict[SplitName, Groups] = {}
    for split in (name for name in SPLIT_NAMES if name in context.measured):
        known = context.originals(split)
        of = known.groups if known and known.groups is not None else None
        flagged = np.zeros(len(context.measured[split]), np.int8)
        if of is not None:
            for others in earlier.values():
                flagged |= (np.isin(of, others) & (of != 0)).view(np.int8)
        lazy: dict[str, Callable[[int], object]] = {
            "group": _Names(context, split),
            "group_twin": _Twins(of, dict(earlier)),
        }
        yield Frame(split, {"group_elsewhere": flagged}, lazy=lazy)
        if of is not None:
            earlier[split] = of


class _Names:
    """The group of an image, read from ``items.tsv`` line by line: only of the few that are shown."""

    def __init__(self, context: Context, split: SplitName) -> None:
        self._file = context.dataset.path / f"{split}.items.tsv"

    def __call__(self, index: int) -> str:
        if not self._file.is_file():
            return ""
        with self._file.open(encoding="utf-8", newline="\n") as stream:
            line = next(islice(stream, index + 1, None), "")  # after the header
        return unescape(line.rstrip("\n").rpartition("\t")[2])


class _Twins:
    """The first image of the same group, in the first of the earlier splits that has one."""

    def __init__(self, of: Groups | None, earlier: dict[SplitName, Groups]) -> None:
        self._of, self._earlier = of, earlier

    def __call__(self, index: int) -> Place | str:
        if self._of is not None and self._of[index]:
            for split, others in self._earlier.items():
                found = np.flatnonzero(others == self._of[index])
                if found.size:
                    return Place(split, int(found[0]))
        return "none"
