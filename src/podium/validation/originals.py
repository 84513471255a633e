"""Figures of the original files, from ``SPLIT.items.tsv``: read in blocks, without the names; groups as hashes."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from podium.data.items import unescape
from podium.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_BLOCK: Final = 8192
"""Lines."""
_TYPES: Final = {
    **{"width": "Int32", "height": "Int32", "orientation": "UInt8"},
    **{"mode": "str", "format": "str", "group": "str"},
}


@dataclass(frozen=True)
class Originals:
    """Of N images: nine bytes an image, and eight more where groups are known."""

    widths: NDArray[np.int32]
    """0 if unknown, as for heights and orientations."""
    heights: NDArray[np.int32]
    orientations: NDArray[np.uint8]
    properties: Counter[tuple[str, str]]
    """How many images have each ``mode``, ``format`` and ``orientation``: such as ``("mode", "RGB")``."""
    groups: NDArray[np.uint64] | None
    """Equal for images of one group, in every split: a hash of its name, 0 without one. None: there are no groups."""


def read_originals(file: Path, count: int) -> Originals:
    """Read all but names.

    Args:
        file: ``SPLIT.items.tsv``.
        count: Images of the split.

    Raises:
        DataError: The file cannot be read, is malformed, or has another number of lines.
    """
    import pandas as pd

    widths, heights = np.zeros(count, np.int32), np.zeros(count, np.int32)
    orientations, properties = np.zeros(count, np.uint8), Counter[tuple[str, str]]()
    groups: NDArray[np.uint64] | None = None
    start = 0
    try:
        with pd.read_csv(
            file,
            sep="\t",
            quoting=csv.QUOTE_NONE,
            lineterminator="\n",  # a name may hold any other character, carriage returns as well
            usecols=["width", "height", "mode", "format", "orientation", "group"],
            dtype=_TYPES,
            keep_default_na=False,
            na_values={"width": [""], "height": [""], "orientation": [""]},
            chunksize=_BLOCK,
        ) as blocks:
            for block in blocks:
                part = slice(start, start + len(block))
                widths[part] = block["width"].fillna(0).to_numpy(np.int32)
                heights[part] = block["height"].fillna(0).to_numpy(np.int32)
                orientations[part] = block["orientation"].fillna(0).to_numpy(np.uint8)
                for kind in ("mode", "format"):
                    for value, times in block[kind].value_counts().items():
                        properties[kind, unescape(str(value))] += int(times)
                if (block["group"] != "").any():
                    groups = np.zeros(count, np.uint64) if groups is None else groups
                    groups[part] = _hashes(block["group"])
                start += len(block)
        if start != count:
            raise ValueError(f"{start} lines for {count} images")
    except (OSError, ValueError, TypeError, OverflowError) as error:  # pandas raises any of them
        raise DataError(
            f"{file}: cannot be read as the list of images ({str(error).splitlines()[0]})",
            remedy="import the data set again, or restore it with `dvc checkout --force data.dvc`",
        ) from None
    for turn in np.unique(orientations):
        properties["orientation", str(turn)] = int((orientations == turn).sum())
    return Originals(widths, heights, orientations, properties, groups)


def _hashes(groups: pd.Series[str]) -> NDArray[np.uint64]:
    """64 bits of each name, 0 of none: among a million groups, two are equal with a probability of 3e-8."""
    from pandas.util import hash_array

    hashes = hash_array(groups.to_numpy(object))
    return np.where(groups == "", np.uint64(0), np.maximum(hashes, np.uint64(1)))
