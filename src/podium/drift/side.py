"""One side of the comparison: a sample of its images, decoded to one size."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.images import Resize, decode_image, fit_array
from podium.data.importing.listing import Row, Unreadable
from podium.drift.population import Population
from podium.drift.results import SideSummary
from podium.errors import DataError

LEAST: Final = 20
"""Fewer images a side say nothing."""
_BATCH: Final = 256


@dataclass(frozen=True)
class Side:
    """A sample, and the labels of the whole."""

    summary: SideSummary
    images: NDArray[np.uint8]
    """uint8 n×H×W×3 of the sample."""
    names: tuple[str, ...]
    """Of the sample."""
    sample_labels: NDArray[np.int64] | None
    """int64 n."""
    labels: NDArray[np.int64] | None
    """int64: of all images but those of the sample that cannot be decoded."""
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
    """How labels were found, or why there are none."""


def draw_side(
    population: Population, size: tuple[int, int], resize: Resize, *, sample: int, seed: int | Sequence[int]
) -> Side:
    """Decode at most ``sample`` images, drawn without replacement.

    Args:
        population: Where they are drawn from.
        size: Height and width that they are brought to.
        resize: How.
        sample: Number of images.
        seed: Of the draw.

    Raises:
        DataError: Fewer than ``LEAST`` images can be decoded.
    """
    count = len(population)
    rng = np.random.default_rng(seed)
    indices = np.sort(rng.choice(count, min(sample, count), replace=False)) if count else np.empty(0, np.int64)
    images = np.empty((len(indices), *size, 3), np.uint8)
    names: list[str] = []
    unreadable: list[str] = []
    kept = np.zeros(len(indices), bool)
    for place, (name, image) in enumerate(_decoded(population.read(indices), size, resize)):
        if image is None:
            unreadable.append(name)
            continue
        images[len(names)] = image
        names.append(name)
        kept[place] = True
    if len(names) < LEAST:
        bad = f" ({len(unreadable)} cannot be decoded, the first is {unreadable[0]})" if unreadable else ""
        raise DataError(
            f"{population.title}: {len(names)} images{bad}; a comparison needs {LEAST} at least",
            remedy="collect more images, some hundred on each side; of a data set, more splits can be taken"
            " (--reference-splits all, --current-splits all)",
        )
    labels = population.labels
    summary = SideSummary(
        name=population.title,
        digest=population.digest,
        splits=population.splits,
        count=count,
        compared=len(names),
        labelled=labels is not None,
        unreadable=tuple(unreadable),
    )
    sample_labels = None if labels is None else labels[indices[kept]]
    drawn = images[: len(names)]
    if labels is not None:
        labels = np.delete(labels, indices[~kept])
    return Side(
        summary, drawn, tuple(names), sample_labels, labels, population.class_names, population.notes
    )  # fmt: skip


def _decoded(
    rows: Iterator[tuple[str, Row]], size: tuple[int, int], resize: Resize
) -> Iterator[tuple[str, NDArray[np.uint8] | None]]:
    """Decode on all cores, in order; None for what cannot be decoded."""

    def one(entry: tuple[str, Row]) -> tuple[str, NDArray[np.uint8] | None]:
        name, row = entry
        if isinstance(row, Unreadable):
            return name, None
        if isinstance(row, np.ndarray):
            if row.shape[:2] == size:
                return name, row
            return name, fit_array(row, height=size[0], width=size[1], resize=resize)
        try:
            return name, decode_image(row, height=size[0], width=size[1], resize=resize, name=name)
        except DataError:
            return name, None

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        while batch := list(islice(rows, _BATCH)):
            yield from threads.map(one, batch)
