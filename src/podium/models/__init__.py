"""Network families, recipes and input contracts. Networks need torch, which takes seconds and much memory to import:
they are loaded when first asked for, and whoever only reads recipes or contracts does without (``podium validate``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from podium.models.options import options_of
from podium.models.weights import EMBEDDED_WEIGHTS, WeightsStore

if TYPE_CHECKING:
    from podium.models.family import Family
    from podium.models.networks import FAMILIES, build, count_parameters, family_of, skeleton

__all__ = [
    "EMBEDDED_WEIGHTS",
    "FAMILIES",
    "Family",
    "WeightsStore",
    "build",
    "count_parameters",
    "family_of",
    "options_of",
    "skeleton",
]


def __getattr__(name: str) -> Any:
    """Load what needs torch (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from podium.models import networks

    return getattr(networks, name)
