"""Where the embedding comes from: the champion, or the backbone that comes with Podium."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from podium.config.base import Resize

if TYPE_CHECKING:
    from podium.bundle import Bundle
    from podium.models import WeightsStore

BACKBONE: Final = "resnet20_tinyimagenet32"


@dataclass(frozen=True)
class Extracted:
    """What a network makes of N images."""

    vectors: NDArray[np.float32]
    """float32 N×F."""
    predicted: NDArray[np.int64] | None = None
    """int64 N: the most probable class; None for a backbone, which has no classes of the data set."""


@dataclass(frozen=True)
class FeatureSource:
    """Images in, vectors out."""

    title: str
    """For reports."""
    size: tuple[int, int]
    """Height and width of the images that it takes."""
    resize: Resize
    extract: Callable[[NDArray[np.uint8]], Extracted]
    """Takes uint8 N×H×W×3."""
    class_names: tuple[str, ...] = ()
    """Of the predicted classes."""


def champion_features(bundle: Bundle, title: str) -> FeatureSource:
    """The input of the last layer of a trained network.

    Raises:
        RegistryError: The bundle's weights do not fit its recipe, or it has no dense layer.
    """
    from podium.training import build_from_bundle
    from podium.training.features import penultimate_features

    net, contract = build_from_bundle(bundle), bundle.contract

    def extract(images: NDArray[np.uint8]) -> Extracted:
        vectors, logits = penultimate_features(net, images, contract)
        return Extracted(vectors, logits.argmax(axis=1).astype(np.int64))

    return FeatureSource(
        f"the input of the last layer of {title}",
        (contract.height, contract.width),
        contract.resize,
        extract,
        contract.class_names,
    )


def backbone_features(weights: WeightsStore) -> FeatureSource:
    """The pooled output of the pretrained backbone, which has never seen the data set. Raises WeightsError."""
    from podium.training.features import pooled_features, pretrained_backbone

    net, contract = pretrained_backbone(BACKBONE, weights)
    return FeatureSource(
        f"the pooled output of the pretrained backbone {BACKBONE}",
        (contract.height, contract.width),
        contract.resize,
        lambda images: Extracted(pooled_features(net, images, contract)),
    )
