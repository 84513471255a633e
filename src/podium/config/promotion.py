"""The promotion policy: what a challenger must show, and who decides. ``configs/promotion.yaml``."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from podium.config.base import Frozen
from podium.config.decision import DecisionPolicy

Share = Annotated[float, Field(ge=0, le=1)]
Severity = Literal["block", "warn"]

DEFAULT_SEVERITY: Final[dict[str, Severity]] = {
    "accuracy": "block",
    "chance": "block",
    "worst_recall": "block",
    "ece": "warn",
    "latency": "warn",
    "size": "warn",
    "valid": "block",
    "better": "warn",
    "not_worse": "block",
    "classes_not_worse": "warn",
    "seeds": "warn",
    "ledger": "warn",
}
"""Of every criterion, by name, in the order in which they are shown."""


class Floors(Frozen):
    """Absolute bounds on the test split; null: not asked for."""

    accuracy: Share | None = None
    chance: float | None = Field(2.0, gt=1)
    """Least accuracy, as a multiple of that of always naming the most frequent class."""
    worst_recall: Share | None = 0.2
    """Least recall of any class."""
    ece: Share | None = 0.1
    """Greatest expected calibration error."""
    latency: float | None = Field(None, gt=0)
    """Greatest 95th percentile of the time for one image on the CPU, in milliseconds."""
    size: float | None = Field(None, gt=0)
    """Greatest size of the model file, in MB (10⁶ bytes)."""


class ComparisonPolicy(Frozen):
    """How the challenger is compared with the champion, on the same test images."""

    alpha: float = Field(0.05, gt=0, le=0.2)
    """Chance of a wrong decision that all decisions on one test split may have together."""
    margin: float = Field(0.005, gt=0, lt=0.5)
    """Loss of accuracy that does not matter."""
    class_margin: float = Field(0.05, gt=0, lt=1)
    """Loss of a class's recall that does not matter."""
    seeds: int = Field(1, ge=1)
    """Trainings of the challenger's recipe that the run should have."""
    warn_after: int = Field(5, ge=1)
    """Decisions on one test split after which each further one warns."""


class PromotionPolicy(Frozen):
    """What the gate asks for, and who decides then."""

    floors: Floors = Floors()
    comparison: ComparisonPolicy = ComparisonPolicy()
    decision: DecisionPolicy = DecisionPolicy()
    severity: dict[str, Severity] = Field(default_factory=dict)
    """Whether missing a criterion blocks or warns, where it is not as by default."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        names = given.get("severity") if isinstance(given, dict) else None
        for name in names if isinstance(names, dict) else ():
            if name not in DEFAULT_SEVERITY:
                raise ValueError(f"severity: there is no criterion {name!r}: use {', '.join(DEFAULT_SEVERITY)}")
        return given

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.severity.get("valid") == "warn":
            raise ValueError("severity: a void comparison cannot merely warn: remove `valid`")
        return self

    def severity_of(self, criterion: str) -> Severity:
        """Of a criterion. Raises KeyError if there is none of that name."""
        return self.severity.get(criterion, DEFAULT_SEVERITY[criterion])
