"""Compare two versions of a data set: which images came, went, moved, changed or got another class, by their pixels.

Memory is bounded: pixels are read in blocks, each image is kept as a digest of 16 bytes and some integers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from podium.data.duplicates import digest_images
from podium.data.manifest import SPLITS
from podium.data.store import Dataset

Kind = Literal["added", "removed", "relabelled", "moved", "changed"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
BINS: Final = 32
"""Of the histogram of brightness."""
_BLOCK_BYTES: Final = 4 * 1024 * 1024
_Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SplitFigures:
    """The distribution of one split."""

    per_class: tuple[int, ...]
    """In the order of the data set's own class names."""
    mean: tuple[float, ...]
    """Per channel, on [0, 1]."""
    std: tuple[float, ...]
    brightness: tuple[int, ...]
    """Images by their mean over all pixels and channels, in ``BINS`` equal bins from black to white."""


@dataclass(frozen=True)
class Place:
    """Where an image stands in a data set."""

    split: str
    index: int
    label: str
    """Name of its class."""


@dataclass(frozen=True)
class Pairs:
    """Images of one kind of change, as rows of the two sides; int64, -1 on the side where there is none."""

    old: _Ints
    new: _Ints

    def __len__(self) -> int:
        return len(self.old)


@dataclass(frozen=True)
class Diff:
    """What differs between ``old`` and ``new``.

    An image is known by its pixels. The same pixels may stand several times on each side: then as many as possible are
    paired as unchanged, then those of equal class (``moved`` to another split), then the others (``relabelled``, in
    another split perhaps). Of what remains, images of the same name in the same split are ``changed``; the others are
    ``added`` and ``removed``. Classes are compared by name.
    """

    old: Dataset
    new: Dataset
    unchanged: int
    changes: Mapping[Kind, Pairs]
    figures: tuple[Mapping[str, SplitFigures], Mapping[str, SplitFigures]]
    """Of every split, old and new."""

    @property
    def classes_added(self) -> tuple[str, ...]:
        """Names of classes that only the new side has."""
        return tuple(name for name in self.new.manifest.class_names if name not in self.old.manifest.class_names)

    @property
    def classes_removed(self) -> tuple[str, ...]:
        """Names of classes that only the old side has."""
        return tuple(name for name in self.old.manifest.class_names if name not in self.new.manifest.class_names)

    def places(self, kind: Kind, chosen: _Ints | None = None) -> Iterator[tuple[Place | None, Place | None]]:
        """Where the images of a change were and are; all of them, or those at the positions ``chosen``."""
        pairs = self.changes[kind]
        for at in range(len(pairs)) if chosen is None else chosen.tolist():
            yield _place(self.old, int(pairs.old[at])), _place(self.new, int(pairs.new[at]))


class _Side(NamedTuple):
    """Of N images, split after split: what they are, as integers that mean the same on both sides."""

    pixels: _Ints
    splits: _Ints
    classes: _Ints


def compare(old: Dataset, new: Dataset) -> Diff:
    """Compare two data sets. Reads each image once, on all cores.

    Raises:
        DataError: The list of images of a split cannot be read.
    """
    (digests_old, figures_old), (digests_new, figures_new) = _measure(old), _measure(new)
    ids = np.unique(np.concatenate([digests_old, digests_new]), return_inverse=True)[1].astype(np.int64)
    names = {name: i for i, name in enumerate(dict.fromkeys((*old.manifest.class_names, *new.manifest.class_names)))}
    if old["train"].images.shape[1:] != new["train"].images.shape[1:]:
        ids[len(digests_old) :] += len(ids)  # the same bytes in other rows are another picture
    sides = _side(old, ids[: len(digests_old)], names), _side(new, ids[len(digests_old) :], names)
    rest = np.arange(len(digests_old)), np.arange(len(digests_new))
    found: dict[str, Pairs] = {}
    for kind, fields in (("same", (1, 2)), ("moved", (2,)), ("relabelled", (1,)), ("both", ())):
        keys = [_key(side, fields, len(names))[rows] for side, rows in zip(sides, rest, strict=True)]
        found[kind], rest = _take(rest, _pair(*keys))
    found["changed"], rest = _take(rest, _pair(*_named(old, new, *rest)))
    relabelled = (found["relabelled"], found["both"])
    changes: dict[Kind, Pairs] = {
        "added": Pairs(np.full(len(rest[1]), -1), rest[1]),
        "removed": Pairs(rest[0], np.full(len(rest[0]), -1)),
        "relabelled": Pairs(*(np.concatenate([getattr(p, side) for p in relabelled]) for side in ("old", "new"))),
        "moved": found["moved"],
        "changed": found["changed"],
    }
    return Diff(old, new, len(found["same"]), changes, (figures_old, figures_new))


def _measure(dataset: Dataset) -> tuple[NDArray[np.bytes_], dict[str, SplitFigures]]:
    """Digest all images in the order of ``SPLITS`` (S16, N), and describe each split."""
    digests, figures = [], {}
    for name in SPLITS:
        images = dataset[name].images
        found, bins = np.empty(len(images), "S16"), np.empty(len(images), np.uint8)
        step = max(1, _BLOCK_BYTES // max(1, images[:1].nbytes))

        def work(
            start: int,
            images: NDArray[np.uint8] = images,
            found: NDArray[np.bytes_] = found,
            bins: NDArray[np.uint8] = bins,
            step: int = step,
        ) -> _Ints:
            """Fill in one block; returns how often each value stands in each channel, 3×256."""
            block = _read(images, start, min(start + step, len(images)))
            found[start : start + step] = np.frombuffer(b"".join(digest_images(block)), "S16")
            rows = block.reshape(len(block), -1)
            bins[start : start + step] = rows.sum(axis=1, dtype=np.uint64) * BINS // (rows.shape[1] * 256)
            flat = block.reshape(-1, 3)
            return np.stack([np.bincount(flat[:, channel], minlength=256) for channel in range(3)])

        with ThreadPoolExecutor(os.cpu_count()) as threads:
            counts = sum(threads.map(work, range(0, len(images), step)), np.zeros((3, 256), np.int64))
        shares, values = counts / (images.size / 3), np.arange(256.0)
        mean = shares @ values
        std = np.sqrt(np.maximum(shares @ values**2 - mean**2, 0))
        digests.append(found)
        figures[name] = SplitFigures(
            per_class=dataset.manifest.splits[name].per_class,
            mean=tuple((mean / 255).round(8).tolist()),
            std=tuple((std / 255).round(8).tolist()),
            brightness=tuple(np.bincount(bins, minlength=BINS).tolist()),
        )
    return np.concatenate(digests), figures


def _read(images: NDArray[np.uint8], start: int, stop: int) -> NDArray[np.uint8]:
    """Copy a block of images from the file itself: pages of a memory map would count as memory of ours."""
    if not isinstance(images, np.memmap) or images.filename is None:
        return np.ascontiguousarray(images[start:stop])
    row = images[:1].nbytes
    count = (stop - start) * row
    block = np.fromfile(images.filename, np.uint8, count, offset=images.offset + start * row)
    return block.reshape(stop - start, *images.shape[1:])


def _side(dataset: Dataset, pixels: _Ints, names: Mapping[str, int]) -> _Side:
    classes = np.array([names[name] for name in dataset.manifest.class_names], np.int64)
    labels = np.concatenate([classes[np.asarray(dataset[split].labels)] for split in SPLITS])
    splits = np.repeat(np.arange(len(SPLITS)), [len(dataset[split]) for split in SPLITS])
    return _Side(pixels, splits, labels)


def _key(side: _Side, fields: tuple[int, ...], classes: int) -> _Ints:
    """One integer for pixels and some other fields (1: split, 2: class) of each image."""
    key = side.pixels
    for field in fields:
        key = key * (len(SPLITS) if field == 1 else classes) + side[field]
    return key


def _pair(old: _Ints, new: _Ints) -> Pairs:
    """Pair equal keys, each at most once, in order; the result holds positions in ``old`` and ``new``."""
    order_old, order_new = np.argsort(old, kind="stable"), np.argsort(new, kind="stable")
    sorted_old, sorted_new = old[order_old], new[order_new]
    rank = np.arange(len(old)) - np.searchsorted(sorted_old, sorted_old)
    at = np.searchsorted(sorted_new, sorted_old) + rank
    paired = at < np.searchsorted(sorted_new, sorted_old, side="right")
    first, second = order_old[paired], order_new[at[paired]]
    order = np.argsort(first)
    return Pairs(first[order], second[order])


def _take(rest: tuple[_Ints, _Ints], pairs: Pairs) -> tuple[Pairs, tuple[_Ints, _Ints]]:
    """Turn positions among the rows that remain into rows; returns them and what then remains."""
    found = Pairs(rest[0][pairs.old], rest[1][pairs.new])
    return found, (np.delete(rest[0], pairs.old), np.delete(rest[1], pairs.new))


def _named(old: Dataset, new: Dataset, *rest: _Ints) -> tuple[_Ints, _Ints]:
    """A key for each remaining row: equal where split and name are. A name that only says the position is none."""
    numbers: dict[tuple[str, str], int] = {}
    keys = tuple(np.arange(len(rows)) + start for rows, start in zip(rest, (-len(rest[0]), 2**40), strict=True))
    if not all(len(rows) for rows in rest):
        return keys[0], keys[1]
    for dataset, rows, key in zip((old, new), rest, keys, strict=True):
        start = 0
        for split in SPLITS:
            count = len(dataset[split])
            own = np.flatnonzero((rows >= start) & (rows < start + count))
            if own.size:
                names = dataset.items(split).names
                for position, index in zip(own.tolist(), (rows[own] - start).tolist(), strict=True):
                    if names[index] != f"{split}/{index}":
                        key[position] = numbers.setdefault((split, names[index]), len(numbers))
            start += count
    return keys[0], keys[1]


def _place(dataset: Dataset, row: int) -> Place | None:
    if row < 0:
        return None
    for split in SPLITS:
        if row < len(dataset[split]):
            return Place(split, row, dataset.manifest.class_names[int(dataset[split].labels[row])])
        row -= len(dataset[split])
    raise IndexError(row)
