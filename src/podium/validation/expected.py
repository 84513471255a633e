"""What a suite consists of: expectations, each on one table of measurements, in Great Expectations' own terms."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from podium.config.base import Frozen
from podium.results import SplitName
from podium.validation.expectations import EXPECTATIONS
from podium.validation.measures import COLUMNS, WORDS
from podium.validation.results import Severity
from podium.validation.words import PLACEHOLDER

TableName = Literal["images", "classes", "channels", "split", "contracts", "files"]
_COLUMN_KWARGS: Final = ("column", "column_A", "column_B", "column_list", "column_set")


class Meta(Frozen):
    """Words for people. ``{observed}``, keyword arguments and columns of one-row tables are filled in."""

    title: str
    expected: str
    """Such as ``at most {max_count}``."""
    found: str
    """A sentence, such as ``images of one colour: {observed}``."""
    remedy: str = ""
    reason: str = ""
    """Of one offending image; columns of the table ``images`` are filled in."""


class Expected(Frozen):
    """One expectation on one table; it is asked of every split named, and of every candidate's contract."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    table: TableName
    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Severity
    splits: tuple[SplitName, ...] = Field(("train", "validation", "test"), min_length=1)
    meta: Meta

    def named_columns(self) -> list[tuple[str, str]]:
        """Columns that the kwargs name, each with the key's path."""
        found = []
        for key in _COLUMN_KWARGS:
            value = self.kwargs.get(key, ())
            several = isinstance(value, list | tuple)
            found += [(f"{key}.{i}", str(name)) for i, name in enumerate(value)] if several else [(key, str(value))]
        return found

    def complete_kwargs(self) -> dict[str, Any]:
        """The kwargs, with the defaults of Podium's own expectations."""
        if self.type not in EXPECTATIONS:
            return self.kwargs
        return EXPECTATIONS[self.type].kwargs.model_validate(self.kwargs).model_dump()

    def needed_columns(self) -> list[str]:
        """Columns without which the expectation cannot be evaluated; any one of the table if it names none."""
        needed = [name for _, name in self.named_columns()]
        needed += EXPECTATIONS[self.type].columns if self.type in EXPECTATIONS else ()
        return needed or [next(name for name in COLUMNS[self.table] if name not in WORDS[self.table])]


class Suite(Frozen):
    """A suite with all that it extends, resolved: its content decides whether a validation can be reused."""

    name: str
    expectations: tuple[Expected, ...]
    files: dict[str, str] = Field(default_factory=dict, exclude=True, repr=False)
    """The file that has the last word on each expectation, by id: for messages, and no part of the content."""

    def place(self, name: str) -> str:
        """Where an expectation stands, for messages: ``FILE: expectations.ID``."""
        return f"{self.files.get(name, f'suite {self.name!r}')}: expectations.{name}"

    def columns(self) -> set[tuple[str, str]]:
        """Tables and columns that the expectations need."""
        needed: set[tuple[str, str]] = set()
        for item in self.expectations:
            named = item.needed_columns()
            named += PLACEHOLDER.findall(item.meta.reason + item.meta.found)
            needed |= {(item.table, name) for name in named if name in COLUMNS[item.table]}
        return needed
