"""Decoded images on disk: written block by block, read by memory mapping, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from podium.data.duplicates import digest_images

_BLOCK_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Pool:
    """Images (uint8, N×H×W×3, memory-mapped) with labels (int64, N) and a digest of every image's pixels."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    digests: list[bytes]

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, indices: NDArray[np.int64], file: Path) -> Pool:
        """Return the images at ``indices``, copied block by block to ``file``; itself if that is all of them."""
        if len(indices) == len(self):
            return self
        size = max(1, _BLOCK_BYTES // max(1, int(np.prod(self.images.shape[1:]))))
        blocks = (self.images[indices[start : start + size]] for start in range(0, len(indices), size))
        digests = [self.digests[i] for i in indices.tolist()]
        return Pool(_write(file, blocks, len(indices), self.images.shape[1:3]), self.labels[indices], digests)


def fill(
    file: Path,
    blocks: Iterable[NDArray[np.uint8]],
    labels: NDArray[np.int64],
    size: tuple[int, int],
    advance: Callable[[int], None],
) -> Pool:
    """Write blocks of images (uint8, n×H×W×3) to ``file`` as they come.

    Args:
        file: ``.npy`` file to write.
        blocks: As many images as there are labels.
        labels: int64, N.
        size: Height and width.
        advance: Told the number of images of each block once it is written.
    """
    digests: list[bytes] = []

    def noted() -> Iterable[NDArray[np.uint8]]:
        for block in blocks:
            digests.extend(digest_images(block))
            yield block
            advance(len(block))

    return Pool(_write(file, noted(), len(labels), size), labels, digests)


def _write(file: Path, blocks: Iterable[NDArray[np.uint8]], count: int, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Write a ``.npy`` file in sequence (a full disk is then an OSError; through a memory map it is a SIGBUS)."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *size, 3)}
    with file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for block in blocks:
            stream.write(np.ascontiguousarray(block).data)
    return np.load(file, mmap_mode="r", allow_pickle=False)
