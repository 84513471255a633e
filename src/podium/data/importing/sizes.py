"""Which size to bring images of different sizes to: the advice of an import that was told none."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

import numpy as np

from podium.config.base import DEFAULT_RESIZE
from podium.data.images import encoded_size
from podium.data.importing.listing import Part
from podium.errors import DataError

USUAL: Final = (16, 32, 64, 96, 128, 160, 192, 224)
"""Sides that networks are built and pretrained for; 224 is that of ImageNet's."""
_PARTS: Final = 8
_PLACES: Final = 4
_ROWS: Final = 16


def advise_size(parts: Sequence[Part]) -> str:
    """Say in a remedy which options to give: the largest usual side that half of the images need not be enlarged for.

    Some hundred images from several places are looked at, their headers alone.
    """
    sides = [side for part in parts[:_PARTS] for side in _sides(part)]
    middle = int(median(sides)) if sides else USUAL[-1]
    size = max((side for side in USUAL if side <= middle), default=max(1, middle))
    return (
        f"bring all images to one size: `--size {size}`, with `--resize {DEFAULT_RESIZE}` (the default: cut what is too"
        " long), `pad` (add black) or `stretch` (ignore the aspect ratio)"
    )


def _sides(part: Part) -> list[int]:
    """The shorter sides of some images of a part: what cropping starts from."""
    found = []
    for start in sorted({len(part.labels) * place // _PLACES for place in range(_PLACES)}):
        try:
            for row in next(iter(part.rows(start, _ROWS)), ()):
                if isinstance(row, np.ndarray) and row.ndim == 3:
                    found.append(min(row.shape[:2]))
                elif isinstance(row, bytes) and (size := encoded_size(row)):
                    found.append(min(size))
        except DataError:
            continue  # the file is damaged; which sizes there are, the others say
    return found
