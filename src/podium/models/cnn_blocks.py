"""References A, B, C1, D, E2, E3 and F1: blocks of 3×3 convolutions, ReLU, BatchNorm and pooling; a dense head."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from podium.config import Frozen
from podium.contract import InputContract
from podium.errors import ConfigError
from podium.models.family import Family
from podium.models.init import glorot_uniform
from podium.models.layers import Dropout, GlobalAveragePool, Grayscale

EPSILON = 1e-3
"""Keras's for BatchNorm. Its momentum (0.99 of the old value) is not taken over: running statistics then lag hundreds
of steps behind, which short runs on small data do not have; torch's default follows within tens of steps."""

Norm = Literal["none", "before_relu", "after_relu"]
Rate = Annotated[float, Field(ge=0, lt=1)]


class Options(Frozen):
    """Widths, order of the layers and dropout rates; the defaults are reference A1."""

    filters: tuple[Annotated[int, Field(ge=1)], ...] = Field((32, 64, 128), min_length=1)
    """Of the convolutions, one number a block; each block halves the image."""
    convolutions: int = Field(1, ge=1)
    """In each block."""
    norm: Norm = "after_relu"
    """Where BatchNorm stands after each convolution, if anywhere."""
    block_dropout: Rate = 0.0
    """After each block's pooling."""
    pooling: Literal["flatten", "average"] = "flatten"
    """What the dense layers see of the last block: all of it, or one mean a channel."""
    dense: int = Field(256, ge=1)
    dense_norm: bool = False
    """BatchNorm after the dense layer's ReLU."""
    dropout_before: Rate = 0.5
    """Before the dense layer."""
    dropout_after: Rate = 0.5
    """After the dense layer."""
    grayscale: bool = False
    """See brightness only; images stay RGB up to the network."""


def network(options: Options, contract: InputContract) -> nn.Sequential:
    """[(Conv 3×3 same, ReLU, BatchNorm) × convolutions → MaxPool 2] × n → Flatten or average → Dense ReLU → Dense.

    Raises:
        ConfigError: The images are too small for that many blocks.
    """
    layers: list[nn.Module] = [Grayscale(contract.mean, contract.std)] if options.grayscale else []
    channels, height, width = 1 if options.grayscale else 3, contract.height, contract.width
    for filters in options.filters:
        height, width = height // 2, width // 2
        if min(height, width) < 1:
            raise ConfigError(
                f"cnn_blocks: {len(options.filters)} blocks leave nothing of {contract.height}×{contract.width} images",
                remedy="use larger images or fewer filters",
            )
        for _ in range(options.convolutions):
            layers += [nn.Conv2d(channels, filters, 3, padding=1), *_activation(options.norm, filters)]
            channels = filters
        layers += [nn.MaxPool2d(2), *_dropout(options.block_dropout)]
    average = options.pooling == "average"
    layers += [GlobalAveragePool() if average else nn.Flatten(), *_dropout(options.dropout_before)]
    layers += [nn.Linear(channels if average else channels * height * width, options.dense), nn.ReLU(inplace=True)]
    if options.dense_norm:
        layers.append(nn.BatchNorm1d(options.dense, eps=EPSILON))
    layers += [*_dropout(options.dropout_after), nn.Linear(options.dense, len(contract.class_names))]
    return nn.Sequential(*layers)


def _activation(norm: Norm, filters: int) -> list[nn.Module]:
    relu = nn.ReLU(inplace=True)
    if norm == "none":
        return [relu]
    batch_norm = nn.BatchNorm2d(filters, eps=EPSILON)
    return [batch_norm, relu] if norm == "before_relu" else [relu, batch_norm]


def _dropout(rate: float) -> list[nn.Module]:
    return [Dropout(rate)] if rate else []


FAMILY = Family(Options, network, glorot_uniform)
