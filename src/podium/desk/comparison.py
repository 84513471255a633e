"""Whether a review's figures may be held against the champion's: stored ones of one data version, or the gate's own."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from podium.dossier.facts import Dossier
from podium.errors import PodiumError
from podium.gate.result import Difference
from podium.registry import dossiers
from podium.registry.state import Review
from podium.report.text import THIN, interval, percent
from podium.settings import Settings

_KEPT: Final = 1000
"""What the gate said of so many reviews is remembered."""


@dataclass(frozen=True)
class Duel:
    """What a dossier says of champion and challenger."""

    difference: Difference | None
    void: str
    """Why there is none."""


@dataclass(frozen=True)
class Comparison:
    """Of a review with the champion in office."""

    difference: Difference | None = None
    """The gate's, on images that both were shown in one run."""
    apart: str = ""
    """Why stored figures cannot be compared; empty if they can."""

    @property
    def void(self) -> str:
        """Why nothing can be compared; empty if something can."""
        return "" if self.difference else self.apart


Duels = Callable[[Review], Duel]
"""Reads what a review's dossier says. Raises PodiumError where it cannot be read."""


def compare(review: Review, champion: Review | None, duels: Duels | None = None) -> Comparison:
    """Whether figures of the two may be subtracted, and the gate's difference where it held this very pair together.

    Args:
        review: The challenger's.
        champion: In office, if there is another.
        duels: Reads dossiers; without it stored figures are all there is.
    """
    if champion is None:
        return Comparison()
    apart = ""
    if champion.request.version.digests.data != review.request.version.digests.data:
        apart = "the figures come from different versions of the data"
    if duels is None or review.request.dossier is None or review.request.against != champion.version:
        return Comparison(apart=apart)
    try:
        duel = duels(review)
    except PodiumError as error:
        return Comparison(apart=f"the gate's comparison cannot be read ({error.message})")
    if duel.difference is None:
        return Comparison(apart=duel.void)
    return Comparison(duel.difference, apart)


def duel_of(dossier: Dossier) -> Duel:
    """What a dossier says of the two: the reason is that of the criterion that the comparison failed."""
    reasons = [c.reason for c in dossier.criteria if c.name == "valid" and c.standing != "met"]
    why = f"the gate declared the comparison void: {reasons[0]}" if reasons else "the gate compared nothing"
    return Duel(dossier.difference, "" if dossier.difference else why)


class DuelCache:
    """Reads dossiers; what one says never changes, since its digest is its name. Errors are not kept."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, Duel] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, settings: Settings, review: Review) -> Duel:
        """What the dossier says to which the review is bound. Raises ReviewError or RegistryError."""
        request = review.request
        digest = request.dossier or ""
        with self._lock:
            if digest in self._found:
                return self._found[digest]
        read = duel_of(dossiers.read(dossiers.kept(settings, request.version, request.dossier)))
        with self._lock:
            self._found[digest] = read
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)
        return read


def summary(review: Review, champion: Review | None, comparison: Comparison, *, promoting: bool) -> str:
    """A review in a sentence or two.

    Args:
        review: Of the version.
        champion: In office, if there is another.
        comparison: With it.
        promoting: Whether the version was approved and is not the champion yet.
    """
    version, figures = review.request.version, review.request.version.figures
    text = f"{version.candidate} won its run"
    if figures.test_accuracy is not None:
        text += f" and names {percent(figures.test_accuracy)}{THIN}% of the test images rightly"
        if figures.test_accuracy_low is not None and figures.test_accuracy_high is not None:
            text += f" (95{THIN}% interval {interval(figures.test_accuracy_low, figures.test_accuracy_high)})"
    if champion is None:
        last = "There is no other champion yet."
        if review.standing == "champion":
            last = "It is to be the champion." if promoting else "It is the champion."
        return f"{text}. {last}"
    other = champion.request.version
    name = f"version {other.version}, {other.candidate}"
    if comparison.void:
        return f"{text}. It cannot be compared with the champion ({name}): {comparison.void}."
    mine, before = figures.test_accuracy, other.figures.test_accuracy
    if comparison.difference is not None:
        mine, before = comparison.difference.challenger, comparison.difference.champion
    if mine is None or before is None:
        return f"{text}. The champion is {name}."
    points = round(100 * (mine - before), 1)
    if not points:
        return f"{text}, about as many as the champion ({name})."
    return f"{text}, {abs(points)} points {'more' if points > 0 else 'less'} than the champion ({name})."
