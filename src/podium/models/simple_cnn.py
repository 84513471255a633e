"""Reference E1: two valid convolutions, two dense layers, nothing else."""

from __future__ import annotations

from pydantic import Field
from torch import nn

from podium.config import Frozen
from podium.contract import InputContract
from podium.errors import ConfigError
from podium.models.family import Family
from podium.models.init import glorot_uniform


class Options(Frozen):
    """Widths of the layers."""

    filters: tuple[int, ...] = Field((32, 64), min_length=1)
    """Of the 3×3 convolutions, each followed by ReLU and 2×2 max pooling."""
    dense: int = Field(128, ge=1)


def network(options: Options, contract: InputContract) -> nn.Sequential:
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
        layers += [nn.Conv2d(channels, filters, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        channels = filters
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(channels * height * width, options.dense),
        nn.ReLU(inplace=True),
        nn.Linear(options.dense, len(contract.class_names)),
    )


FAMILY = Family(Options, network, glorot_uniform)
