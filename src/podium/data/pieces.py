"""Images in the order of a key, a piece at a time: a sort whose memory does not grow with their number.

All images of some keys make a piece (distribution sort: Knuth, The Art of Computer Programming 3, 5.2.5 and 5.4.7).
The file is read once a piece; pieces grow with the file from a size on, so that this is at most sixteen times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.rows import FileRows
from podium.data.sketches import Marks, hashes_of

Keys = NDArray[np.uint16]
_BLOCK: Final = 16_384
"""Marks that are read at a time."""
_PIECE: Final = 65_536
"""Images of a piece, unless more share a key."""
_MOST_PIECES: Final = 16


def by_hash(marks: FileRows) -> FileRows:
    """A file of the same marks in the order of their hashes; those of equal hash in the order in which they are."""
    ordered = FileRows(len(marks), marks.width, marks.folder)
    start = 0
    for piece in by_key(marks, lambda hashes: (hashes >> np.uint64(48)).astype(np.uint16)):
        ordered.write(start, piece[np.argsort(hashes_of(piece), kind="stable")])
        start += len(piece)
    return ordered


def by_key(marks: FileRows, key: Callable[[NDArray[np.uint64]], Keys]) -> Iterator[Marks]:
    """Yield the marks in the order of their keys; those of equal key in the order in which they are, in one piece.

    Args:
        marks: N.
        key: From hashes (uint64, M) to keys (uint16, M).
    """
    keys = np.empty(len(marks), np.uint16)
    sizes = np.zeros(1 << 16, np.int64)
    blocks = [slice(start, min(start + _BLOCK, len(marks))) for start in range(0, len(marks), _BLOCK)]
    for block in blocks:
        keys[block] = key(hashes_of(marks[block]))
        sizes += np.bincount(keys[block], minlength=len(sizes))
    for low, high in ranges(sizes):
        some, own = [], []
        for block in blocks:
            chosen = np.flatnonzero((keys[block] >= low) & (keys[block] <= high))
            some.append(marks[block][chosen])
            own.append(keys[block][chosen])
        turn = np.argsort(np.concatenate(own), kind="stable")  # NumPy sorts 16 bits by counting
        yield np.concatenate(some)[turn]


def ranges(sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Divide keys, of which there are so many each, into ranges that make a piece each; both ends are in them."""
    ends = np.cumsum(sizes)
    count = int(ends[-1]) if len(ends) else 0
    most = max(_PIECE, -(-count // _MOST_PIECES))
    low, before = 0, 0
    while before < count:
        high = max(low, int(np.searchsorted(ends, before + most, "right")) - 1)
        if ends[high] > before:
            yield low, high
        low, before = high + 1, int(ends[high])
