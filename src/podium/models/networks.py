"""Network families: build a network from a recipe's ``model`` and an input contract."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from podium.config import ModelConfig
from podium.contract import InputContract
from podium.errors import ConfigError
from podium.models import cnn_blocks, resnet, simple_cnn, speednet, timm_backbones, transfer
from podium.models.family import Family
from podium.models.options import kind_of_options, options_of
from podium.models.transfer import TransferNet
from podium.models.views import LEAST_SIDE, average_views
from podium.models.weights import EMBEDDED_WEIGHTS, WeightsStore

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "simple_cnn": simple_cnn.FAMILY,
        "cnn_blocks": cnn_blocks.FAMILY,
        "resnet": resnet.FAMILY,
        "speednet": speednet.FAMILY,
        "transfer": transfer.FAMILY,
        "timm": timm_backbones.FAMILY,
    }
)


def family_of(model: ModelConfig, file: Path | str = "recipe") -> Family:
    """Look up a model's family. Raises ConfigError naming the nearest valid one."""
    kind_of_options(model, file)
    return FAMILIES[model.family]


def skeleton(model: ModelConfig, contract: InputContract) -> nn.Module:
    """The network's structure on the ``meta`` device, without values: for counting, and for loading a state dict.

    In evaluation mode it averages over ``model.views``; that is part of the structure, and has no values either.

    Raises:
        ConfigError: The options are refused, or do not fit the contract.
    """
    family = family_of(model)
    if model.views > 2 and min(contract.height, contract.width) < LEAST_SIDE:
        raise ConfigError(
            f"model.views: {model.views} views need images of {LEAST_SIDE}×{LEAST_SIDE} pixels or more,"
            f" not {contract.height}×{contract.width}",
            remedy="set views to 1 or 2, or use larger images",
        )
    with torch.device("meta"):
        return average_views(family.network(options_of(model), contract), model.views)


def build(
    model: ModelConfig, contract: InputContract, *, seed: int, weights: WeightsStore = EMBEDDED_WEIGHTS
) -> nn.Module:
    """Build a network for training, on the CPU. Touches no global random state; safe in threads.

    Args:
        model: Family and options.
        contract: Gives image size and number of classes.
        seed: All initial values follow from it.
        weights: Where a transfer network finds its backbone.

    Returns:
        A module that takes normalized float N×3×H×W and gives N×C logits; a pretrained backbone is frozen.

    Raises:
        ConfigError: The options are refused, or do not fit the contract.
        WeightsError: Pretrained weights are missing, damaged, or of another structure.
    """
    family = family_of(model)
    net = _materialize(skeleton(model, contract))
    family.initialize(net, torch.Generator().manual_seed(seed))
    if family.pretrained:
        loaded = weights.load(family.pretrained(options_of(model)))
        assert isinstance(net, TransferNet)
        loaded.into(net.backbone, unused=net.removed)
    return net


def _materialize(net: nn.Module) -> nn.Module:
    """Give a skeleton memory, uninitialized but for batch counters; values that it has already stay."""
    net._apply(lambda value: torch.empty_like(value, device="cpu") if value.is_meta else value)
    for name, buffer in net.named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.zero_()
    return net


def count_parameters(net: nn.Module, *, recurse: bool = True) -> tuple[int, int]:
    """Number of parameters: in total, with BatchNorm's running mean and variance as Keras counts, and trainable.

    Without ``recurse`` those of the module itself, not of the modules in it.
    """
    parameters = list(net.parameters(recurse))
    buffers = net.named_buffers(recurse=recurse)
    statistics = sum(b.numel() for name, b in buffers if name.endswith(("running_mean", "running_var")))
    return sum(p.numel() for p in parameters) + statistics, sum(p.numel() for p in parameters if p.requires_grad)
