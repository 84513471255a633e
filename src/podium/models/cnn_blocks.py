"""Reference A1: blocks of convolution, ReLU, BatchNorm and pooling, then a dense head with dropout."""

from __future__ import annotations

from pydantic import Field
from torch import nn

from podium.config import Frozen
from podium.contract import InputContract
from podium.errors import ConfigError
from podium.models.family import Family
from podium.models.init import glorot_uniform
from podium.models.layers import Dropout

EPSILON = 1e-3
"""Keras's for BatchNorm. Its momentum (0.99 of the old value) is not taken over: running statistics then lag hundreds
of steps behind, which short runs on small data do not have; torch's default follows within tens of steps."""


class Options(Frozen):
    """Widths and dropout rates."""

    filters: tuple[int, ...] = Field((32, 64, 128), min_length=1)
    """Of the 3×3 convolutions, one a block; each block halves the image."""
    dense: int = Field(256, ge=1)
    dropout: float = Field(0.5, ge=0, lt=1)
    """Before and after the dense layer."""


def network(options: Options, contract: InputContract) -> nn.Sequential:
    """[Conv 3×3 same → ReLU → BatchNorm → MaxPool 2] × n → Flatten → Dropout → Dense ReLU → Dropout → Dense.

    Raises:
        ConfigError: The images are too small for that many blocks.
    """
    layers: list[nn.Module] = []
    channels, height, width = 3, contract.height, contract.width
    for filters in options.filters:
        height, width = height // 2, width // 2
        if min(height, width) < 1:
            raise ConfigError(
                f"cnn_blocks: {len(options.filters)} blocks leave nothing of {contract.height}×{contract.width} images",
                remedy="use larger images or fewer filters",
            )
        layers += [
            nn.Conv2d(channels, filters, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(filters, eps=EPSILON),
            nn.MaxPool2d(2),
        ]
        channels = filters
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        Dropout(options.dropout),
        nn.Linear(channels * height * width, options.dense),
        nn.ReLU(inplace=True),
        Dropout(options.dropout),
        nn.Linear(options.dense, len(contract.class_names)),
    )


FAMILY = Family(Options, network, glorot_uniform)
