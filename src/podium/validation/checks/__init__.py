"""The checks, one file a group: each turns measurements into expectations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from podium.validation.checks.balance import class_balance
from podium.validation.checks.content import empty_images
from podium.validation.checks.duplicates import contradictions, duplicates_across, duplicates_within
from podium.validation.checks.labels import label_set
from podium.validation.checks.normalization import class_names, normalization, same_size
from podium.validation.checks.shift import split_shift
from podium.validation.checks.structure import color, structure
from podium.validation.checks.value_range import value_range
from podium.validation.context import Context
from podium.validation.rule import Rule

__all__ = ["CHECKS", "Check"]


@dataclass(frozen=True)
class Check:
    """A group of expectations with one purpose."""

    title: str
    rules: Callable[[Context], Iterator[Rule]]


CHECKS: dict[str, Check] = {
    "structure": Check("Shape and type", structure),
    "color": Check("RGB and grayscale", color),
    "label_set": Check("Label set", label_set),
    "class_balance": Check("Class balance", class_balance),
    "value_range": Check("Values before normalization", value_range),
    "normalization": Check("Values after normalization", normalization),
    "class_names": Check("Class names of the networks", class_names),
    "same_size": Check("Size of the networks' input", same_size),
    "split_shift": Check("Splits look alike", split_shift),
    "empty_images": Check("Empty and constant images", empty_images),
    "duplicates_within": Check("Duplicates within a split", duplicates_within),
    "duplicates_across": Check("Duplicates across splits", duplicates_across),
    "contradictions": Check("One image, two labels", contradictions),
}
