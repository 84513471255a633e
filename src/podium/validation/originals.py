"""Figures of the original files, from ``SPLIT.items.tsv``: read in blocks, without the names."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.items import unescape
from podium.errors import DataError

_BLOCK: Final = 50_000
"""Lines."""


@dataclass(frozen=True)
class Originals:
    """Of N images: nine bytes an image."""

    widths: NDArray[np.int32]
    """0 if unknown, as for heights and orientations."""
    heights: NDArray[np.int32]
    orientations: NDArray[np.uint8]
    properties: Counter[tuple[str, str]]
    """How many images have each ``mode``, ``format`` and ``orientation``: such as ``("mode", "RGB")``."""


def read_originals(file: Path, count: int) -> Originals:
    """Read all but names and groups.

    Args:
        file: ``SPLIT.items.tsv``.
        count: Images of the split.

    Raises:
        DataError: The file cannot be read, is malformed, or has another number of lines.
    """
    import pandas as pd

    widths, heights = np.zeros(count, np.int32), np.zeros(count, np.int32)
    orientations, properties = np.zeros(count, np.uint8), Counter[tuple[str, str]]()
    start = 0
    try:
        with pd.read_csv(
            file,
            sep="\t",
            quoting=csv.QUOTE_NONE,
            lineterminator="\n",  # a name may hold any other character, carriage returns as well
            usecols=["width", "height", "mode", "format", "orientation"],
            dtype={"width": "Int32", "height": "Int32", "mode": "str", "format": "str", "orientation": "UInt8"},
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
    return Originals(widths, heights, orientations, properties)
