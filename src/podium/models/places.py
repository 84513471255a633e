"""Where an installation looks for pretrained weights. Apart from ``weights``: trainings depend on that one's code."""

from __future__ import annotations

from podium.models.weights import WeightsStore
from podium.settings import Settings


def weights_store(settings: Settings) -> WeightsStore:
    """The user's folder, the embedded weights, the ones fetched before, and the hub."""
    return WeightsStore(settings.weights, settings.fetched_weights)
