"""Rows of a source to pixels of one size: in blocks, on all cores, in order; what cannot be decoded is collected."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from podium.data.duplicates import digest_array
from podium.data.freed import give_back
from podium.data.images import Original, Resize, decode_original, fit_array
from podium.data.importing.helpers import Helpers
from podium.data.importing.listing import Part, Row, Unreadable
from podium.data.importing.staging import DIM, RECORD, Decoded, Kind, Staging
from podium.data.jpeg import decode_plain
from podium.data.near import describe_block
from podium.errors import DataError

_BLOCK_BYTES: Final = 8 * 1024 * 1024
_BLOCK_ROWS: Final = 1024
_BLOCKS_KEPT: Final = 64
"""Blocks after which freed memory is given back: what is kept grows with every one."""
_CORES: Final = os.cpu_count() or 1


class WrongSizeError(DataError):
    """An image of another size than the first one, where none was asked for."""


def native_size(parts: Sequence[Part]) -> tuple[int, int] | None:
    """Height and width of the first image that can be decoded; None if there is none."""
    for part in parts:
        number = 0
        for rows in part.rows(0, 1):
            for row in rows:
                try:
                    height, width, _ = _careful(row, part.name(number), None, "stretch")[0].shape
                except DataError:
                    number += 1
                else:
                    return height, width
    return None


def decode_rest(parts: Sequence[Part], staging: Staging, resize: Resize | None, advance: Callable[[], None]) -> None:
    """Decode every row that is not yet in ``staging``, in order; ``advance`` is called after each block.

    Args:
        parts: All rows of the source.
        staging: Gets the images; its ``size`` is theirs.
        resize: How they are brought to that size; None if they must have it.
        advance: Told of every block that is safe.

    Raises:
        WrongSizeError: An image has another size, and there is no way to resize.
        DataError: A file of the source is damaged.
        OSError: The disk is full.
    """
    waiting: deque[tuple[Future[Decoded], NDArray[np.uint8]]] = deque()
    free: list[NDArray[np.uint8]] = []  # fresh memory for each block would cost as much time as decoding into it
    finished = count(1)
    threads = ThreadPoolExecutor(_CORES)
    helpers = Helpers(_CORES)

    def finish_first() -> None:
        job, buffer = waiting.popleft()
        staging.append(job.result())
        free.append(buffer)
        if next(finished) % _BLOCKS_KEPT == 0:
            give_back()
        advance()

    one_each = threadpool_limits(1, user_api="blas")  # for the descriptors: there is a thread for each core already
    try:
        for part, first, rows in _batches(parts, staging.done, staging.size):
            needed = len(rows) * staging.size[0] * staging.size[1] * 3
            buffer = free.pop() if free else np.empty(max(needed, _BLOCK_BYTES), np.uint8)
            buffer = buffer if len(buffer) >= needed else np.empty(needed, np.uint8)
            images = buffer[:needed].reshape(len(rows), *staging.size, 3)
            described = staging.descriptors is not None
            job = threads.submit(_decode, rows, part, first, images, resize, described, helpers)
            waiting.append((job, buffer))
            if len(waiting) > _CORES + 1:
                finish_first()
        while waiting:
            finish_first()
    finally:
        threads.shutdown(cancel_futures=True)
        helpers.close()
        one_each.restore_original_limits()


def _batches(parts: Sequence[Part], skip: int, size: tuple[int, int]) -> Iterator[tuple[Part, int, Sequence[Row]]]:
    """Yield part, number of the first row in it, and rows: a few megabytes each, encoded and decoded."""
    for part in parts:
        count = len(part.labels)
        if skip >= count:
            skip -= count
            continue
        encoded = sum(_length(file) for file in part.files) // max(1, count)
        batch = max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // max(1, encoded, size[0] * size[1] * 3)))
        first, skip = skip, 0
        for rows in part.rows(first, batch):
            yield part, first, rows
            first += len(rows)
        if first != count:
            name = part.files[0] if part.files else part.name(0)
            raise DataError(f"{name}: {first} images for {count} labels", remedy="give intact files of one data set")


def _length(file: os.PathLike[str]) -> int:
    try:
        return os.stat(file).st_size
    except OSError:
        return 0  # what is wrong with it is told when it is read


def _decode(
    rows: Sequence[Row],
    part: Part,
    first: int,
    images: NDArray[np.uint8],
    resize: Resize | None,
    described: bool,
    helpers: Helpers,
) -> Decoded:
    """Decode some rows of one part into ``images``; ``first`` is the number of the first of them."""
    height, width = size = images.shape[1], images.shape[2]
    records = np.zeros(len(rows), RECORD)
    records["width"], records["height"] = width, height
    kinds: dict[Kind, int] = {}
    places = [0] * len(rows)
    good: list[int] = []
    dim: list[int] = []
    bad: list[tuple[int, str]] = []
    decoded = helpers.decode(rows, size, resize)
    slow = 0
    for i, row in enumerate(rows):
        out = images[len(good)]
        if type(row) is bytes and i not in decoded and (mode := decode_plain(row, out)):
            places[i] = kinds.setdefault((mode, "JPEG"), len(kinds))
            good.append(i)
            continue
        name = part.name(first + i)
        slow += i not in decoded and type(row) is bytes
        try:
            found = decoded[i] if i in decoded else _careful(row, name, size if resize else None, resize or "stretch")
            if isinstance(found, str):
                raise DataError(found)
            pixels, original = found
        except DataError as error:
            bad.append((i, error.message.removeprefix(f"{name}: ")))
            continue
        if pixels.shape[:2] != size:
            raise WrongSizeError(
                f"{name}: {pixels.shape[0]}×{pixels.shape[1]} pixels, the first image of train {height}×{width}",
                remedy="bring all images to one size with --size",
            )
        out[:] = pixels
        places[i] = kinds.setdefault((original.mode, original.format), len(kinds))
        records["width"][i], records["height"][i] = original.width, original.height
        records["orientation"][i] = original.orientation
        good.append(i)
        if original.dim:
            dim.append(i)
    helpers.count(slow)
    images = images[: len(good)]
    records["kind"] = places
    records["good"][good] = 1
    records["good"][dim] = DIM
    records["digest"][good] = digest_array(images)
    return Decoded(images, records, list(kinds), bad, describe_block(images) if described and good else None)


def _careful(row: Row, name: str, size: tuple[int, int] | None, resize: Resize) -> tuple[NDArray[np.uint8], Original]:
    """Decode any row; DataError if there is nothing to decode."""
    if isinstance(row, Unreadable):
        raise DataError(f"{name}: {row.reason}")
    if isinstance(row, bytes):
        return decode_original(row, size=size, resize=resize, name=name)
    if row.dtype != np.uint8 or row.ndim != 3 or row.shape[-1] != 3 or not row.size:
        raise DataError(f"{name}: {row.dtype} of shape {row.shape} instead of uint8 H×W×3")
    original = Original(width=row.shape[1], height=row.shape[0], mode="RGB", format="")
    if size and row.shape[:2] != size:
        row = fit_array(row, height=size[0], width=size[1], resize=resize)
    return row, original
