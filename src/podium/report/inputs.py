"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podium.config import Candidate
from podium.data import Dataset
from podium.evaluation.evaluate import Evaluation
from podium.results import Leaderboard, SplitName, TrainingSummary

if TYPE_CHECKING:
    from podium.evaluation.examine import Examination  # loads SciPy, which `podium leaderboard` need not


@dataclass(frozen=True)
class Command:
    """A command that the reader may want next."""

    purpose: str
    line: str


@dataclass(frozen=True, eq=False)
class RunReport:
    """Everything that the report shows. Equal inputs give the same file, byte for byte.

    Mappings are keyed by the candidate's name; a candidate without an entry is left out of that section.
    """

    leaderboard: Leaderboard
    dataset: Dataset
    candidates: Mapping[str, Candidate]
    summaries: Mapping[str, TrainingSummary]
    validation: Mapping[str, Evaluation]
    test: Mapping[str, Evaluation]
    checks: str
    """Outcome of the data validation in a few words, such as ``19 checks passed``."""
    examinations: Mapping[str, Examination] = field(default_factory=dict)
    unexamined: Mapping[str, str] = field(default_factory=dict)
    """Causes, by candidate, where an examination failed."""
    warnings: int = 0
    """Number of its warnings."""
    lineage: Mapping[str, str] = field(default_factory=dict)
    """Where the result comes from: label → value. Values of several lines are folded away."""
    review: str = "review requested"
    """What the headline says about the decision."""
    commands: Sequence[Command] = ()
    seed: int = 0
    """Of the augmented samples."""

    def __post_init__(self) -> None:
        for one in self.examinations.values():
            if one.findings.data_digest != self.dataset.manifest.digest:
                raise ValueError(f"{one.findings.candidate}: an examination of other data")
        for evaluation in (*self.validation.values(), *self.test.values()):
            metrics = evaluation.metrics
            if metrics.count != len(self.dataset[metrics.split]):
                raise ValueError(
                    f"{metrics.candidate}: {metrics.count} {metrics.split} figures for a data set with"
                    f" {len(self.dataset[metrics.split])} {metrics.split} images"
                )

    @property
    def shown(self) -> tuple[Evaluation, SplitName] | None:
        """The winner's evaluation with its split: test if it is there, otherwise validation; None without a winner."""
        name = self.leaderboard.selected
        if name is None:
            return None
        if name in self.test:
            return self.test[name], "test"
        return (self.validation[name], "validation") if name in self.validation else None
