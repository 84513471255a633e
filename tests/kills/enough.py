"""When the killing may end: chance decides where kills strike, and everything has to be struck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

_ALL: Final = ("register", "open", "renew", "approve", "carry", "roll back", "sync", "repair")
_DECIDING: Final = ("vote", "approve", "carry", "reject")
_PLACES: Final = ("client", "log", "sql", "time")


def lacking(kills: Sequence[Mapping[str, Any]], count: int, *, thorough: bool) -> list[str]:
    """What was not struck yet, or not often enough.

    Args:
        kills: So far.
        count: How many there have to be.
        thorough: Whether each operation and each kind of place has to be among them.
    """
    struck, places = (Counter(kill[name] for kill in kills) for name in ("operation", "kind"))
    crowded = sum(kill["crowd"] == 8 for kill in kills)
    wanted = {f"{len(kills)} of {count} kills": len(kills) >= count, "none among eight": crowded > 0}
    if thorough:
        wanted |= {f"no {name}": struck[name] > 0 for name in _ALL}
        wanted |= {f"{places[name]} at a {name}": places[name] >= 5 for name in _PLACES}
        wanted |= {
            f"{crowded} among eight": crowded >= 5,
            "few decisions": sum(struck[name] for name in _DECIDING) >= 15,
            "no decision that was recorded and not carried out": any(kill["pending"] for kill in kills),
        }
    return [name for name, holds in wanted.items() if not holds]
