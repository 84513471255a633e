"""What an import does with any source, and whom it tells how far it is."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import Field, PositiveInt

from podium.config.base import DEFAULT_RESIZE, Frozen, Resize, Seed


class Progress(Protocol):
    """Told what is being done, and how many images of how many."""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """``phase`` is a short text for people."""


class ImportOptions(Frozen):
    """What an import does with any source."""

    name: Annotated[str, Field(min_length=1)]
    licence: str = "unknown"
    """SPDX identifier or a sentence."""
    size: tuple[PositiveInt, PositiveInt] | None = None
    """Height and width; the images' own one unless given, which then must be the same for all."""
    resize: Resize = DEFAULT_RESIZE
    """How images are brought to ``size``. Recorded also where none is: prediction follows it on images of any size."""
    seed: Seed = 0
    """Of the splits that are drawn."""
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of train, where the source has no validation split."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    duplicates: Literal["keep", "drop"] = "keep"
    """``drop`` removes images from a split that also stand in a later one (train, validation, test)."""
    on_bad: Literal["refuse", "skip"] = "refuse"
    """``skip`` leaves images out that cannot be decoded and lists them in the data set's ``excluded.tsv``."""
