"""Keyword arguments of Podium's own expectations: what may be given, what it is otherwise, and what is refused.

What they mean stands with the expectations. Great Expectations need not be imported to check a suite.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from podium.config.base import Frozen


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{value:g} is no share: from 0 to 1 → 5 % is 0.05")
    return value


def _p_value(value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{value:g} is no p-value: between 0 and 1 → 0.001 is usual for large data sets")
    return value


def _ratio(value: float) -> float:
    if value < 1:
        raise ValueError(f"{value:g} is no ratio of the largest to the smallest: 1 or more → equal classes are 1")
    return value


def _factor(value: float) -> float:
    if value <= 1:
        raise ValueError(f"{value:g} is no factor to stay within, either way: greater than 1 → 2 allows ½ to 2")
    return value


Share = Annotated[float, AfterValidator(_share)]


class Nothing(Frozen):
    """No keyword arguments."""


class Flagged(Frozen):
    """Of ``expect_flagged_images_to_be_few``."""

    column: str
    max_count: int = Field(0, ge=0)
    max_share: Share = 0.0
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if self.above is not None and self.below is not None:
            raise ValueError(
                f"above: {self.above:g} and below: {self.below:g} are two conditions → state two expectations, or use"
                " expect_column_values_to_be_between"
            )
        return self


class Populated(Frozen):
    """Of ``expect_classes_to_have_images``."""

    min_count: int = Field(1, ge=0)


class Ratio(Frozen):
    """Of ``expect_class_ratio_to_be_at_most``."""

    max_ratio: Annotated[float, AfterValidator(_ratio)]


class Shares(Frozen):
    """Of ``expect_shares_to_match_train``."""

    min_p_value: Annotated[float, AfterValidator(_p_value)] = 0.001
    min_difference: Share = 0.0


class Normalized(Frozen):
    """Of ``expect_normalized_values_to_fit``."""

    max_mean: float = Field(gt=0)
    max_factor: Annotated[float, AfterValidator(_factor)]
    own: bool = False
