"""Read images from their file instead of through the mapping, so that memory does not grow with the data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def read_rows(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Copy some images (``rows``, ascending) of an array that is in memory or mapped from a file.

    Pages of a mapping that were touched count as the process's own until the kernel takes them back; of a million
    images that would be all of them.
    """
    if not (isinstance(images, np.memmap) and images.filename and images.flags.c_contiguous) or not len(rows):
        return np.ascontiguousarray(images[rows])
    out = np.empty((len(rows), *images.shape[1:]), images.dtype)
    size = out[0].nbytes
    # Where a run of neighbours begins, and where the next one does.
    begins = np.flatnonzero(np.diff(rows, prepend=rows[0] - 2) != 1)
    with open(images.filename, "rb", buffering=0) as file:
        for begin, end in zip(begins, [*begins[1:], len(rows)], strict=True):
            file.seek(images.offset + int(rows[begin]) * size)
            part = out[begin:end].reshape(-1).data
            done = 0
            while done < len(part):
                read = file.readinto(part[done:])
                if not read:
                    raise OSError(f"{images.filename}: ends before image {int(rows[end - 1])}")
                done += read
    return out
