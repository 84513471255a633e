"""Reference E1: two valid convolutions, two dense layers, nothing else."""

from __future__ import annotations

from torch import nn

from podium.contract import InputContract
from podium.errors import ConfigError
from podium.models.family import Family
from podium.models.init import glorot_uniform
from podium.models.max_pool import MaxPool
from podium.models.options import SimpleCnnOptions


def network(options: SimpleCnnOptions, contract: InputContract) -> nn.Sequential:
    """[Conv 3×3 valid → ReLU → MaxPool 2] × n → Flatten → Dense ReLU → Dense.

    Raises:
        ConfigError: The images are too small for that many blocks.
    """
    layers: list[nn.Module] = []
    channels, height, width = 3, contract.height, contract.width
    for filters in options.filters:
        height, width = (height - 2) // 2, (width - 2) // 2
        if min(height, width) < 1:
            raise ConfigError(
                f"simple_cnn: {len(options.filters)} blocks leave nothing of {contract.height}×{contract.width} images",
                remedy="use larger images or fewer filters",
            )
        layers += [nn.Conv2d(channels, filters, 3), nn.ReLU(inplace=True), MaxPool()]
        channels = filters
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(channels * height * width, options.dense),
        nn.ReLU(inplace=True),
        nn.Linear(options.dense, len(contract.class_names)),
    )


FAMILY = Family(SimpleCnnOptions, network, glorot_uniform)
