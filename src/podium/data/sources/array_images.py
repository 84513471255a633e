"""Which arrays are images, and what to do about those that are not quite."""

from __future__ import annotations

from typing import Final

import numpy as np

from podium.data.images import MAX_PIXELS
from podium.data.sources.array_files import ArrayFile
from podium.errors import DataError

_LOOKED_AT: Final = 1024 * 1024 * 1024
"""Bytes of an unfit array that are looked at to name the cause."""
_BLOCK: Final = 16 * 1024 * 1024


def check_images(images: ArrayFile) -> tuple[int, int]:
    """Return height and width of an array of images (uint8, N×H×W×3, N×H×W×1 or N×H×W).

    Raises:
        DataError: Another type or shape; the cause and the remedy are named.
    """
    shape = images.shape
    if images.dtype != np.uint8:
        raise _wrong_type(images)
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3):
        raise DataError(
            f"{images.label}: shape {shape}, channels first", remedy="save images.transpose(0, 2, 3, 1), channels last"
        )
    if len(shape) == 4 and shape[3] == 4:
        raise DataError(f"{images.label}: shape {shape}, four channels", remedy="save images[..., :3], without alpha")
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise DataError(f"{images.label}: shape {shape}", remedy="save images as N×H×W×3, or N×H×W gray")
    count, height, width = shape[:3]
    if not count or not height or not width:
        raise DataError(f"{images.label}: shape {shape}, no pixels", remedy="save at least one image a class")
    if height * width > MAX_PIXELS:
        raise DataError(
            f"{images.label}: {width}×{height} pixels, more than {MAX_PIXELS:,}", remedy="scale the images down first"
        )
    return height, width


def _wrong_type(images: ArrayFile) -> DataError:
    kind = images.dtype.kind
    if kind not in "iufb":
        return DataError(f"{images.label}: images of type {images.dtype}", remedy="save images as uint8, 0 to 255")
    low, high, where = _look(images)
    if where is not None:
        return DataError(
            f"{images.label}: images of type {images.dtype} that hold NaN or infinity, first in image {where}",
            remedy="mend what computed them, and save images as uint8, 0 to 255",
        )
    span = f"{images.label}: images of type {images.dtype} with values from {low:g} to {high:g}"
    cause, remedy = "", "scale the images to 0 to 255, and save them as uint8"
    if kind == "b":
        remedy = "save images.astype(np.uint8) * 255"
    elif kind == "f" and low < 0:
        cause, remedy = ": they were normalized", "undo the normalization, and save uint8, 0 to 255"
    elif kind == "f" and high <= 1:
        cause, remedy = ": scaled to [0, 1]", "save np.round(images * 255).astype(np.uint8)"
    elif low >= 0 and high <= 255:
        remedy = "save np.round(images).astype(np.uint8)"
    return DataError(span + cause, remedy=remedy)


def _look(images: ArrayFile) -> tuple[float, float, int | None]:
    """Least and largest value, and the first image that holds a number that is none."""
    low, high, seen = np.inf, -np.inf, 0
    row_bytes = max(1, int(np.prod(images.shape[1:], dtype=np.int64)) * images.dtype.itemsize)
    if row_bytes > _BLOCK * 64:
        return low, high, None
    for block in images.blocks(0, max(1, _BLOCK // row_bytes)):
        rows = block.reshape(len(block), -1)
        if rows.size:
            wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
            if wrong.size:
                return low, high, seen + int(wrong[0])
            low, high = min(low, float(rows.min())), max(high, float(rows.max()))
        seen += len(rows)
        if seen * row_bytes > _LOOKED_AT:
            break
    return low, high, None
