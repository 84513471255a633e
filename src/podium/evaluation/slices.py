"""Accuracy on parts of a split: dark and bright images, flat and contrasty ones, and each class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from podium.drift.pixels import pixel_statistics
from podium.evaluation.metrics import wilson_interval
from podium.evaluation.records import Slice, SliceKind
from podium.holm import corrected

LEVEL: Final = 0.05
"""Chance that any slice is marked where the model is as good on all of them."""
_STATISTICS: Final[tuple[SliceKind, ...]] = ("brightness", "contrast")
_THIRDS: Final = ("low", "middle", "high")


class _Part(NamedTuple):
    kind: SliceKind
    name: str
    low: float | None
    high: float | None
    members: NDArray[np.bool_]


def slices(
    images: NDArray[np.uint8], labels: ArrayLike, predicted: ArrayLike, class_names: Sequence[str]
) -> tuple[Slice, ...]:
    """Accuracy in thirds of the split by brightness and by contrast, and by class.

    Brightness is the mean of an image's luma, contrast its standard deviation (``podium.drift.pixels``); the edges are
    the split's own terciles. Each slice is compared with all other images by Fisher's exact test, one-sided; it is
    marked as weak where that is significant at 5 % after Holm's correction over all slices, which holds although they
    overlap. Empty slices are left out.

    Args:
        images: uint8 N×H×W×3.
        labels: N integers in ``[0, C)``.
        predicted: N likewise.
        class_names: C names in label order.

    Raises:
        ValueError: The lengths differ, or there are no images.
    """
    (found,) = slices_of_each(images, labels, [predicted], class_names)
    return found


def slices_of_each(
    images: NDArray[np.uint8], labels: ArrayLike, predictions: Sequence[ArrayLike], class_names: Sequence[str]
) -> tuple[tuple[Slice, ...], ...]:
    """The same slices of the same images for several models, whose images are measured once; arguments as above."""
    truth, answers = np.asarray(labels), [np.asarray(predicted) for predicted in predictions]
    for given in answers:
        if not len(images) or truth.shape != (len(images),) or given.shape != truth.shape:
            raise ValueError(f"{len(images)} images, labels of shape {truth.shape}, predictions of shape {given.shape}")
    parts = [part for part in _parts(images, truth, class_names) if part.members.any()]
    return tuple(_tested(parts, given == truth) for given in answers)


def _tested(parts: Sequence[_Part], correct: NDArray[np.bool_]) -> tuple[Slice, ...]:
    from scipy import stats  # takes a second, which a run that finds all in the cache need not wait for

    counts = np.array([np.count_nonzero(part.members) for part in parts])
    hits = np.array([np.count_nonzero(part.members & correct) for part in parts])
    total, right = len(correct), int(np.count_nonzero(correct))
    # Fisher's exact test: of `total` images, `right` of them classified correctly, `counts` are drawn blindly.
    chances = stats.hypergeom.cdf(hits, total, right, counts)
    adjusted = corrected(chances)
    return tuple(
        _slice(part, int(count), int(hit), total, right, float(chance), float(holm))
        for part, count, hit, chance, holm in zip(parts, counts, hits, chances, adjusted, strict=True)
    )


def _slice(part: _Part, count: int, hits: int, total: int, right: int, chance: float, adjusted: float) -> Slice:
    low, high = wilson_interval(hits, count)
    return Slice(
        kind=part.kind,
        name=part.name,
        low=part.low,
        high=part.high,
        count=count,
        accuracy=hits / count,
        accuracy_low=low,
        accuracy_high=high,
        rest=(right - hits) / (total - count) if count < total else None,
        p_value=min(1.0, chance),
        p_adjusted=adjusted,
        weak=adjusted <= LEVEL,
    )


def _parts(images: NDArray[np.uint8], truth: NDArray, class_names: Sequence[str]) -> Iterator[_Part]:
    table = pixel_statistics(images, _STATISTICS)
    for kind in _STATISTICS:
        values = table[kind].round(6)  # images of equal brightness differ by rounding, and belong together
        edges = np.quantile(values, [0, 1 / 3, 2 / 3, 1])
        place = np.searchsorted(edges[1:3], values, side="left")
        for third, name in enumerate(_THIRDS):
            yield _Part(kind, name, float(edges[third]), float(edges[third + 1]), place == third)
    for label, name in enumerate(class_names):
        yield _Part("class", name, None, None, truth == label)
