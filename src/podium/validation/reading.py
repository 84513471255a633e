"""Read images from their file instead of through the mapping, so that memory does not grow with the data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from podium.data.rows import read_rows as rows_of_file


def read_rows(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Copy some images (``rows``, ascending) of an array that is in memory or mapped from a file.

    Pages of a mapping that were touched count as the process's own until the kernel takes them back; of a million
    images that would be all of them.
    """
    if not (isinstance(images, np.memmap) and images.filename and images.flags.c_contiguous) or not len(rows):
        return np.ascontiguousarray(images[rows])
    out = np.empty((len(rows), *images.shape[1:]), images.dtype)
    with open(images.filename, "rb", buffering=0) as file:
        try:
            rows_of_file(file.fileno(), images.offset, rows, out)
        except OSError as error:
            raise OSError(f"{images.filename}: {error.strerror or error}") from None
    return out
