"""What challenger and champion say of the same images: validation images, for the test split is the gate's alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from podium.desk.places import Places
from podium.errors import PodiumError, RegistryError
from podium.registry import documents
from podium.registry.champion import load_champion_bundle
from podium.registry.request import RegisteredVersion
from podium.registry.state import Review
from podium.report.pictures import Picture, picture
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.bundle import Bundle
    from podium.data import Dataset

SHOWN: Final = 12
"""Images on the page."""
_KEPT: Final = 16
"""Pairs of models."""
LOOKED_AT: Final = 1000
"""Images that are predicted, drawn from the split with a fixed seed where it has more."""


@dataclass(frozen=True)
class Answer:
    """What one model says of one image."""

    name: str
    """The class."""
    percent: float
    """Its probability."""
    right: bool


@dataclass(frozen=True)
class Sample:
    """One image."""

    index: int
    true: str
    picture: Picture
    challenger: Answer
    champion: Answer | None


@dataclass(frozen=True)
class Samples:
    """The images of the page, and how often either model alone was right."""

    shown: tuple[Sample, ...]
    looked_at: int
    of: int
    """Images of the split."""
    challenger_alone: int
    champion_alone: int
    both: int
    neither: int


class SampleCache:
    """What was computed for a pair of models is kept; one computation at a time, for it takes all cores."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, str], Samples] = OrderedDict()
        self._lock, self._computing = threading.Lock(), threading.Lock()

    def of(
        self, settings: Settings, review: Review, champion: Review | None, client: Any | None, places: Places
    ) -> Samples:
        """The samples of a pair. Errors as :func:`sample`, which are not kept.

        What is known is given at once, whoever computes meanwhile. Raises Refused (503) if too many wait already.
        """
        key = (review.id, champion.id if champion else "")
        if (known := self._known(key)) is not None:
            return known
        with places.taken(), self._computing:
            if (known := self._known(key)) is not None:  # computed while this one waited
                return known
            made = sample(settings, review, champion, client)
            with self._lock:
                self._found[key] = made
                while len(self._found) > _KEPT:
                    self._found.popitem(last=False)
            return made

    def _known(self, key: tuple[str, str]) -> Samples | None:
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)


def sample(settings: Settings, review: Review, champion: Review | None, client: Any | None) -> Samples:
    """Predict validation images with both models and choose some: those on which they differ first.

    Args:
        settings: Where registry, cache and checkout are.
        review: The challenger's.
        champion: The champion's, if there is another.
        client: The registry's, or None to open one.

    Raises:
        RegistryError: The data set is not here any more, or the two models tell other classes apart.
        ReviewError: The evidence is not what was reviewed.
        DataError: The images are none of the kind that a model takes.
    """
    dataset = _dataset(settings, review.request.version, client)
    split = dataset["validation"]
    chosen = np.arange(len(split))
    if len(chosen) > LOOKED_AT:
        chosen = np.sort(np.random.default_rng(0).choice(len(split), LOOKED_AT, replace=False))
    images, labels = np.asarray(split.images[chosen]), np.asarray(split.labels[chosen])
    names = dataset.manifest.class_names
    mine = _predict(settings, review, images, names, client)
    other = _predict(settings, champion, images, names, client) if champion else mine
    right, before = mine.argmax(1) == labels, other.argmax(1) == labels
    shown = [
        Sample(
            int(chosen[i]),
            names[labels[i]],
            picture(images[i], f"{names[labels[i]]}, validation image {chosen[i]}"),
            _answer(mine[i], int(labels[i]), names),
            _answer(other[i], int(labels[i]), names) if champion else None,
        )
        for i in choose(mine, other, labels)
    ]
    return Samples(
        tuple(shown),
        len(chosen),
        len(split),
        int((right & ~before).sum()),
        int((before & ~right).sum()),
        int((right & before).sum()),
        int((~right & ~before).sum()),
    )


def choose(mine: NDArray[np.float32], other: NDArray[np.float32], labels: NDArray[np.int64]) -> list[int]:
    """Up to :data:`SHOWN` rows: where one is right and the other is not, in turn, the largest change of the true
    class's probability first; then where both are wrong; then the largest changes.

    Args:
        mine: Probabilities of the challenger, N×C.
        other: Of the champion, N×C.
        labels: True classes, N.
    """
    rows = np.arange(len(labels))
    change = mine[rows, labels] - other[rows, labels]
    right, before = mine.argmax(1) == labels, other.argmax(1) == labels
    order = rows[np.argsort(-np.abs(change), kind="stable")]
    gained = [int(row) for row in order if right[row] and not before[row]]
    lost = [int(row) for row in order if before[row] and not right[row]]
    turns = [row for pair in zip(gained, lost, strict=False) for row in pair]
    turns += gained[len(lost) :] + lost[len(gained) :]
    turns += [int(row) for row in order if not right[row] and not before[row]]
    return list(dict.fromkeys([*turns, *map(int, order)]))[:SHOWN]


def _answer(probabilities: NDArray[np.float32], label: int, names: tuple[str, ...]) -> Answer:
    said = int(probabilities.argmax())
    return Answer(names[said], round(100 * float(probabilities[said]), 1), said == label)


def _dataset(settings: Settings, version: RegisteredVersion, client: Any | None) -> Dataset:
    """The data set that the challenger was trained on, if it still lies where the run found it."""
    from podium.data import open_dataset

    place = documents.leaderboard(settings, version, client=client)["data"]["path"]
    try:
        dataset = open_dataset(settings.root / place)
    except (PodiumError, OSError) as error:
        raise RegistryError(
            f"{version.review}: its data set cannot be opened here ({error})",
            remedy=f"restore it as {place}: `dvc checkout`, or `podium data restore`",
        ) from None
    if dataset.manifest.digest != version.digests.data:
        raise RegistryError(
            f"{version.review}: {place} holds another data set now ({dataset.manifest.digest[:12]}) than the one it was"
            f" trained on ({version.digests.data[:12]})",
            remedy="check out the commit of the run, then `dvc checkout`",
        )
    return dataset


def _predict(
    settings: Settings, review: Review, images: NDArray[np.uint8], names: tuple[str, ...], client: Any | None
) -> NDArray[np.float32]:
    from podium.training import build_from_bundle, predict_probabilities  # brings torch

    version = review.request.version
    bundle: Bundle = load_champion_bundle(settings, version.model, version.version, client=client)[0]
    if bundle.contract.class_names != names:
        raise RegistryError(
            f"{review.id} tells other classes apart than the data set has",
            remedy="the two models cannot be shown side by side; compare their reports",
        )
    return predict_probabilities(build_from_bundle(bundle), images, bundle.contract)
