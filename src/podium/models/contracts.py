"""The input contract of a candidate: the data set's statistics, or those that its pretrained backbone expects."""

from __future__ import annotations

from podium.config import Candidate
from podium.contract import InputContract
from podium.data import Manifest
from podium.models.options import backbone_of
from podium.models.weights import EMBEDDED_WEIGHTS, WeightsStore

_LEAST_STD = 1 / 255
"""A channel that never varies must not be divided by zero."""


def contract_for(candidate: Candidate, manifest: Manifest, weights: WeightsStore = EMBEDDED_WEIGHTS) -> InputContract:
    """Derive what reaches the candidate's network.

    From scratch, images are normalized by the training split's statistics. A warm start keeps the normalization of the
    version that it starts from. A pretrained backbone gets the normalization that it was trained with, whatever the new
    images look like, and the range of values that it was trained on: where the two contradict each other, validation,
    training and prediction refuse the contract.

    Raises:
        ConfigError: Unknown family or options.
        WeightsError: The backbone's provenance cannot be read.
    """
    backbone = backbone_of(candidate.recipe.model)
    if candidate.start:
        start = candidate.start
        mean, std, trained_range = start.mean, start.std, start.trained_range
    elif backbone:
        provenance = weights.provenance(backbone)
        mean, std, trained_range = provenance.mean, provenance.std, provenance.trained_range
    else:
        mean, std, trained_range = manifest.mean, manifest.std, None
    return InputContract(
        height=manifest.height,
        width=manifest.width,
        mean=mean,
        std=(max(std[0], _LEAST_STD), max(std[1], _LEAST_STD), max(std[2], _LEAST_STD)),
        resize=manifest.resize,
        class_names=manifest.class_names,
        trained_range=trained_range,
    )
