"""Whether a decision has been carried out, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from podium.desk.errands import Errands
from podium.errors import PodiumError
from podium.registry.state import ModelState


@dataclass(frozen=True)
class Progress:
    """Of one recorded decision."""

    state: Literal["under way", "left", "done"]
    """``left``: nobody is at it, after a crash or an error; the next decision carries it out."""
    warnings: tuple[str, ...] = ()
    error: PodiumError | None = None


def progress_of(decision: int, state: ModelState, errands: Errands) -> Progress:
    """What the log says, and the desk's errands.

    Args:
        decision: Its event.
        state: Of its model, as the log has it now.
        errands: Of this desk.
    """
    errand = errands.of(decision)
    if errand is not None and errand.state == "under way":
        return Progress("under way")
    warnings = errand.warnings if errand else ()
    if decision not in state.pending or (errand is not None and errand.state == "done"):
        return Progress("done", warnings)  # the state may have been read before the errand was done
    return Progress("left", warnings, errand.error if errand else None)
