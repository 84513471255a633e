"""One expectation, as a check states it: data for Great Expectations, and words for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.results import SplitName
from podium.validation.results import Severity

Column = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Table:
    """Column names and equally long arrays; tables of one name and split are judged as one data frame."""

    name: str
    columns: Mapping[str, Column]


@dataclass(frozen=True, eq=False)
class Rule:
    """An expectation on one table of one split."""

    split: SplitName
    table: Table
    expectation: str
    """A class of ``great_expectations.expectations``."""
    arguments: Mapping[str, Any]
    severity: Severity
    expected: str
    statement: str
    """What was found; ``{observed}`` stands for the observed value."""
    remedy: str = ""
    """Added to the message of a failure."""
    subject: str | None = None
    offending: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Indices of the images that the expectation does not hold for."""
    reason: Callable[[int], str] = str
    """Says of an offending index what is wrong with the image."""
