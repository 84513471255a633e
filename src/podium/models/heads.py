"""Classifiers on top of a backbone: T1-T10 of the reference systems, by options."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from podium.models.layers import Dropout, GlobalAveragePool
from podium.models.options import HeadOptions

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


def head(options: HeadOptions, features: int, classes: int, *, pooled: bool) -> nn.Sequential:
    """Classifier for a backbone's features.

    Args:
        options: Which layers there are.
        features: Channels of the backbone.
        classes: Their number.
        pooled: Whether the backbone gives one vector an image (N×F) rather than a map (N×F×h×w).

    Returns:
        N×F, or N×F×h×w → N×C logits. Its layers keep their names whatever else is there; the last is ``classifier``.
    """
    activation = _ACTIVATIONS[options.activation]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for index, filters in enumerate(options.convolutions):
        if index and options.convolution_dropout:
            layers[f"convolution_dropout{index}"] = Dropout(options.convolution_dropout)
        layers[f"convolution{index}"] = nn.Conv2d(features, filters, 3, padding=1)
        layers[f"convolution_activation{index}"] = activation()
        features = filters
    if not pooled:
        layers["pool"] = GlobalAveragePool()
    if options.norm:
        layers["norm"] = nn.BatchNorm1d(features)
    if options.dense:
        layers["dense"] = nn.Linear(features, options.dense)
        layers["activation"] = activation()
        features = options.dense
    layers["dropout"] = Dropout(options.dropout)
    layers["classifier"] = nn.Linear(features, classes)
    return nn.Sequential(layers)
