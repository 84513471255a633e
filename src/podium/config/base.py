"""The base of every configuration model, and the kinds of values that several share."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Resize = Literal["stretch", "crop", "pad"]
"""Ignore the aspect ratio; scale the shorter side and cut the longer one off evenly; add black."""
DEFAULT_RESIZE: Final[Resize] = "crop"
"""What torchvision's and timm's transforms for evaluation do: no object is deformed."""

MAX_SEED: Final = 2**63 - 1
"""torch's generators take 64 bits, and databases and other readers of JSON no more than signed ones."""
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]


class Frozen(BaseModel):
    """Immutable; unknown keys are refused; NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())
