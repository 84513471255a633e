"""What a dossier says; its JSON form is what a decision is bound to."""

from __future__ import annotations

from typing import Any, Literal, Self

from podium.config import Frozen
from podium.drift.versions import SplitDrift
from podium.evaluation.records import Findings, Slice
from podium.gate.result import Difference
from podium.gate.verdict import Criterion, Outcome
from podium.results import ReliabilityBin

Topic = Literal["data", "training", "drift", "lineage"]


class Subject(Frozen):
    """What is to be decided on."""

    model: str
    """Name of the registered model."""
    version: int
    candidate: str
    recipe: str
    run: str


class Bound(Frozen):
    """SHA-256 digests of all that the verdict rests on."""

    model: str
    """Of the model files."""
    weights: str
    package: str
    data: str
    """The data version."""
    test: str
    """Of the test split's images and labels."""
    code: str
    commit: str | None
    dirty: bool
    config: str
    policy: str
    evidence: str
    lock: str | None
    champion: str | None
    """Of the model files of the champion in office; null if there was none."""


class Figures(Frozen):
    """Of one model on the test split."""

    candidate: str
    version: int | None
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    level: float = 0.95
    """Coverage of the interval from ``accuracy_low`` to ``accuracy_high``: 0.05 is divided by the decisions that the
    test images were used for so far (Bonferroni)."""
    macro_f1: float
    loss: float
    recalls: dict[str, float | None]
    """By class; null without images."""
    ece: float | None = None
    """Expected calibration error, of the bins of ``reliability``. This and what follows is null or empty in dossiers
    that were written before it was kept."""
    brier: float | None = None
    reliability: tuple[ReliabilityBin, ...] = ()
    slices: tuple[Slice, ...] = ()
    """Thirds by brightness and contrast, and classes; the same images for both models."""


class Disagreement(Frozen):
    """A test image that the two models call by different names."""

    index: int
    """In the test split."""
    item: str
    """The original file, or its place in the source."""
    truth: str
    challenger: str
    challenger_probability: float
    champion: str
    champion_probability: float


class Caution(Frozen):
    """Something that a reviewer should know."""

    topic: Topic
    text: str


class DataDrift(Frozen):
    """The data version against that of the champion in office."""

    state: Literal["no champion", "same data", "unknown", "compared"]
    """``unknown``: nothing was kept of the champion's data."""
    sentence: str
    version: int | None = None
    """The champion's."""
    data: str | None = None
    """Digest of its data version."""
    splits: tuple[SplitDrift, ...] = ()

    @property
    def drifted(self) -> tuple[SplitDrift, ...]:
        """The splits in which drift was found."""
        return tuple(split for split in self.splits if split.drift)


class Dossier(Frozen):
    """All that a reviewer needs to decide on one version, and to defend the decision later."""

    schema_version: Literal[1] = 1
    summary: str
    outcome: Outcome
    subject: Subject
    bound: Bound
    criteria: tuple[Criterion, ...]
    challenger: Figures
    champion: Figures | None
    """In office when it was made, on the same images; null without one, or where it could not be shown them."""
    difference: Difference | None
    use: int
    """Which decision on these test images this is."""
    duel: int | None
    """Which one that compares with a champion; null without one."""
    disagreements: int
    """Test images that the two call by different names."""
    examples: tuple[Disagreement, ...]
    """Some of them: where one is right and surest, in turn."""
    examination: Findings | None = None
    """Of the challenger on *validation*: corruptions, saliency, cost, gap; its slices are of that split, too."""
    unexamined: str | None = None
    """Why there is none."""
    champion_examination: Findings | None = None
    """Of the champion, on the same validation images: what its own dossier tells."""
    champion_unexamined: str | None = None
    """Why there is none although there is a champion; null in dossiers that were written before it was looked for."""
    data_drift: DataDrift | None = None
    """Null in dossiers that were written before it was measured."""
    cautions: tuple[Caution, ...]
    lineage: dict[str, str]
    policy: dict[str, Any]

    def text(self) -> str:
        """The JSON file's content."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def read(cls, text: str | bytes) -> Self:
        """Of the file's content. Raises ValueError (pydantic's) if it is none."""
        return cls.model_validate_json(text)
