"""What a recipe may say of each network family. No torch here: recipes and contracts are checked without networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from podium.config import Frozen, ModelConfig
from podium.config.load import nearest, parse
from podium.errors import ConfigError

Norm = Literal["none", "before_relu", "after_relu"]
Rate = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[int, Field(ge=1, le=65_536)]
"""Channels of a layer; far above any network's, and below what overflows."""


class SimpleCnnOptions(Frozen):
    """Widths of the layers."""

    filters: tuple[Width, ...] = Field((32, 64), min_length=1)
    """Of the 3×3 convolutions, each followed by ReLU and 2×2 max pooling."""
    dense: Width = 128


class CnnBlocksOptions(Frozen):
    """Widths, order of the layers and dropout rates; the defaults are reference A1."""

    filters: tuple[Width, ...] = Field((32, 64, 128), min_length=1)
    """Of the convolutions, one number a block; each block halves the image."""
    convolutions: int = Field(1, ge=1, le=64)
    """In each block."""
    norm: Norm = "after_relu"
    """Where BatchNorm stands after each convolution, if anywhere."""
    block_dropout: Rate = 0.0
    """After each block's pooling."""
    pooling: Literal["flatten", "average"] = "flatten"
    """What the dense layers see of the last block: all of it, or one mean a channel."""
    dense: Width = 256
    dense_norm: bool = False
    """BatchNorm after the dense layer's ReLU."""
    dropout_before: Rate = 0.5
    """Before the dense layer."""
    dropout_after: Rate = 0.5
    """After the dense layer."""
    grayscale: bool = False
    """See brightness only; images stay RGB up to the network."""


class BackboneOptions(Frozen):
    """Depth and width."""

    depth: int = Field(20, ge=8, le=1202)
    """6n + 2 layers: three stages of n blocks of two convolutions, the first convolution and the classifier."""
    width: Width = 16
    """Channels of the first stage; each later stage doubles them and halves the image."""

    @field_validator("depth")
    @classmethod
    def _depth(cls, depth: int) -> int:
        if (depth - 2) % 6:
            raise ValueError(f"must be 6n + 2 (8, 14, 20, 26, 32, 44, 56, …), not {depth}")
        return depth


class ResnetOptions(BackboneOptions):
    """The backbone with a dense classifier."""

    dropout: float = Field(0.0, ge=0, lt=1)
    """Before the classifier."""


class SpeednetOptions(Frozen):
    """Widths and depth. Narrower networks train faster on few cores."""

    widths: tuple[Width, ...] = Field((64, 256, 256), min_length=1)
    """Channels, one number a block; each block halves the image."""
    convolutions: Literal[2, 3] = 2
    """In each block. With three, the last two lie under a residual connection."""
    scale: float = Field(1 / 9, gt=0, le=1e6)
    """Of the logits."""
    norm_momentum: float = Field(0.4, gt=0, le=1)
    """Share of the new batch in BatchNorm's running statistics. The published 0.6 is the share of the old ones: weights
    that are averaged over few steps need statistics that follow fast."""


class HeadOptions(Frozen):
    """The classifier on top of a backbone; see ``podium.models.heads``."""

    convolutions: tuple[Width, ...] = ()
    """Filters of 3×3 convolutions on the backbone's last feature map, before pooling."""
    convolution_dropout: Rate = 0.0
    """Between these convolutions."""
    norm: bool = False
    """BatchNorm after pooling."""
    dense: Width | None = None
    """Width of a dense layer before the classifier; null: none."""
    activation: Literal["relu", "tanh"] = "relu"
    """Of the convolutions and the dense layer."""
    dropout: Rate = 0.0
    """Before the classifier."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.convolution_dropout and len(self.convolutions) < 2:
            raise ValueError("convolution_dropout has no effect without two convolutions or more: remove it")
        if self.activation != "relu" and not (self.convolutions or self.dense):
            raise ValueError(f"activation {self.activation!r} has no effect without convolutions or dense: remove it")
        return self


class TransferOptions(BackboneOptions, HeadOptions):
    """Our own ResNet as backbone, whose structure the weights must fit, and the head."""

    weights: str = Field(pattern=r"^[a-z0-9][a-z0-9_.\-]*$")
    """Name of the weights: ``NAME.safetensors`` with ``NAME.json`` beside it."""


class TimmOptions(HeadOptions):
    """Any backbone of timm's, and the head."""

    weights: str = Field(pattern=r"^[a-zA-Z0-9_]+\.[a-zA-Z0-9_\-]+$")
    """timm's name of the weights: ``ARCHITECTURE.TAG``, such as ``mobilenetv2_100.ra_in1k``. A tag of your own works
    for weights in the folder of ``PODIUM_WEIGHTS``."""
    input_size: int | None = Field(None, ge=8, le=1024)
    """Side of the square that the network brings images to; null: as they are stored."""
    pooling: Literal["own", "average"] = "own"
    """What the head sees: the network's own features before its classifier, or the mean over the last feature map."""

    @property
    def architecture(self) -> str:
        """What timm calls the network."""
        return self.weights.split(".", 1)[0]


OPTIONS: Mapping[str, type[Frozen]] = MappingProxyType(
    {
        "simple_cnn": SimpleCnnOptions,
        "cnn_blocks": CnnBlocksOptions,
        "resnet": ResnetOptions,
        "speednet": SpeednetOptions,
        "transfer": TransferOptions,
        "timm": TimmOptions,
    }
)
"""By the name of the family, as ``podium.models.FAMILIES``."""


def kind_of_options(model: ModelConfig, file: Path | str = "recipe") -> type[Frozen]:
    """What the options of a model's family are. Raises ConfigError naming the nearest family."""
    try:
        return OPTIONS[model.family]
    except KeyError:
        raise ConfigError(
            f"{file}: model.family: there is no family {model.family!r}", remedy=nearest(model.family, OPTIONS)
        ) from None


def options_of(model: ModelConfig, file: Path | str = "recipe") -> Frozen:
    """Check a model's options. Raises ConfigError with the key's path and the nearest valid name."""
    return parse(kind_of_options(model, file), model.options, file, "model.options")


def has_backbone(model: ModelConfig) -> bool:
    """Whether the family starts from pretrained weights. Raises ConfigError if there is no such family."""
    return issubclass(kind_of_options(model), TransferOptions | TimmOptions)


def backbone_of(model: ModelConfig) -> str | None:
    """Name of the pretrained weights that a model starts from. Raises ConfigError if its options are refused."""
    options = options_of(model)
    return options.weights if isinstance(options, TransferOptions | TimmOptions) else None
