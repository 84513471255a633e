"""Measurements: the columns of the tables that expectations look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from podium.validation.context import Context
from podium.validation.frame import Frame
from podium.validation.measures.classes import CLASSES, classes
from podium.validation.measures.contracts import CONTRACTS, contracts
from podium.validation.measures.copies import COPIES, copies
from podium.validation.measures.files import FILES, ITEMS, files, items
from podium.validation.measures.groups import GROUPS, groups
from podium.validation.measures.label_noise import LABEL_NOISE, label_noise
from podium.validation.measures.outliers import OUTLIERS, outliers
from podium.validation.measures.pixels import CHANNELS, PIXELS, channels, pixels
from podium.validation.measures.structure import STRUCTURE, structure

__all__ = ["COLUMNS", "MEASURES", "WORDS", "Measure"]


@dataclass(frozen=True)
class Measure:
    """Columns of one table, and the function that fills them."""

    table: str
    columns: Mapping[str, str]
    """What each column holds."""
    frames: Callable[[Context], Iterator[Frame]]
    """A frame a split (and candidate); it is asked for only if a suite needs one of the columns."""
    words: tuple[str, ...] = ()
    """Columns that only tell of an offending image; expectations cannot be about them."""


MEASURES: dict[str, Measure] = {
    "structure": Measure("split", STRUCTURE, structure),
    "classes": Measure("classes", CLASSES, classes),
    "pixels": Measure("images", PIXELS, pixels, ("color",)),
    "channels": Measure("channels", CHANNELS, channels),
    "contracts": Measure("contracts", CONTRACTS, contracts),
    "copies": Measure("images", COPIES, copies, ("twin", "near_twin", "labels", "near_labels")),
    "items": Measure("images", ITEMS, items),
    "groups": Measure("images", GROUPS, groups, ("group", "group_twin")),
    "files": Measure("files", FILES, files),
    "outliers": Measure("images", OUTLIERS, outliers, ("outlier_of",)),
    "label_noise": Measure("images", LABEL_NOISE, label_noise, ("likelier",)),
}
"""A new one is a file in this folder and a line here."""

COLUMNS: dict[str, dict[str, str]] = {}
"""What each table has, and what it means."""
WORDS: dict[str, set[str]] = {}
"""Columns of each table that only tell of an offending image."""
for _measure in MEASURES.values():
    COLUMNS.setdefault(_measure.table, {}).update(_measure.columns)
    WORDS.setdefault(_measure.table, set()).update(_measure.words)
