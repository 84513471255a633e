"""What the gate leaves behind: the verdict, and all that is needed to come to it again."""

from __future__ import annotations

from podium.config import Frozen
from podium.config.promotion import PromotionPolicy
from podium.gate.floors import Measured
from podium.gate.paired import Paired
from podium.gate.verdict import Verdict


class Incumbent(Frozen):
    """The champion in office when a challenger was judged."""

    version: int | None
    """None: there is none yet."""
    candidate: str | None = None
    digest: str | None = None
    """SHA-256 of its model files."""
    weights: str | None = None
    """SHA-256 of its weights."""
    problem: str | None = None
    """Why it cannot be shown the test images: it knows other classes, or takes images of another size."""

    @property
    def can_play(self) -> bool:
        """Whether there is a champion that can be shown the test images."""
        return self.version is not None and self.problem is None


class Difference(Frozen):
    """Of the two accuracies on the images that both were judged on."""

    images: int
    challenger: float
    champion: float
    low: float
    """Lower end of the paired bootstrap interval, at the decision's level."""
    high: float
    level: float
    """Of the interval."""
    pairs: Paired


class GateResult(Frozen):
    """The gate on one challenger."""

    challenger: str
    """The candidate's name."""
    weights: str
    """SHA-256 of its weights."""
    champion: Incumbent
    data: str
    """The data version's digest."""
    test: str
    """SHA-256 of the test split's images and labels."""
    use: int
    """Which decision on these test images this is, from 1."""
    uses: int
    """Decisions on them so far, this one included."""
    duel: int | None
    """Its number among the decisions that compare with a champion; null without one."""
    policy: PromotionPolicy
    measured: Measured
    difference: Difference | None
    """None without a champion, and where the comparison is void."""
    trainings: tuple[float, ...]
    """Test accuracies of the recipe's trainings in the run."""
    verdict: Verdict
