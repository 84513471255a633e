"""References A, B, C1, D, E2, E3 and F1: blocks of 3×3 convolutions, ReLU, BatchNorm and pooling; a dense head."""

from __future__ import annotations

from torch import nn

from podium.contract import InputContract
from podium.errors import ConfigError
from podium.models.family import Family
from podium.models.init import glorot_uniform
from podium.models.layers import Dropout, GlobalAveragePool, Grayscale
from podium.models.max_pool import MaxPool
from podium.models.options import CnnBlocksOptions, Norm

EPSILON = 1e-3
"""Keras's for BatchNorm. Its momentum (0.99 of the old value) is not taken over: running statistics then lag hundreds
of steps behind, which short runs on small data do not have; torch's default follows within tens of steps."""


def network(options: CnnBlocksOptions, contract: InputContract) -> nn.Sequential:
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
        layers += [MaxPool(), *_dropout(options.block_dropout)]
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


FAMILY = Family(CnnBlocksOptions, network, glorot_uniform)
