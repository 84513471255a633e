"""What is known of the champion beside its figures on test: how its data differs, and how it was examined."""

from __future__ import annotations

from dataclasses import dataclass

from podium.data import Dataset
from podium.dossier.facts import DataDrift
from podium.errors import RegistryError, ReviewError
from podium.evaluation.records import Findings
from podium.gate.result import GateResult
from podium.orchestration.drifting import data_drift
from podium.registry import dossiers, reviews
from podium.settings import Settings


@dataclass(frozen=True)
class Rival:
    """The champion that a run's winner is held against."""

    data: DataDrift
    """Of the run's data version from its."""
    findings: Findings | None = None
    """Of its examination on the run's validation images."""
    unexamined: str | None = None
    """Why there are none, where there is a champion."""


def rival_of(settings: Settings, dataset: Dataset, model: str, gate: GateResult) -> Rival:
    """Look the champion up, if there is one; what cannot be had of its examination is told.

    Raises:
        RegistryError: The champion's version is gone.
    """
    drift = data_drift(settings, dataset, model, gate)
    if gate.champion.version is None:
        return Rival(drift)
    try:
        review = reviews.show(settings, f"{model}-{gate.champion.version}")
        kept = dossiers.read(dossiers.kept(settings, review.request.version, review.request.dossier))
    except (ReviewError, RegistryError) as error:
        return Rival(drift, unexamined=error.message)
    if kept.examination is None:
        return Rival(drift, unexamined=kept.unexamined or "it was registered before candidates were examined")
    if kept.examination.data_digest != dataset.manifest.digest:
        return Rival(drift, unexamined="it was examined on the validation images of another data version")
    return Rival(drift, kept.examination)
