"""What a network family is: its options, its network, its initialisation, and what it takes from training images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from podium.config import Frozen
from podium.contract import InputContract

Initializer = Callable[[nn.Module, torch.Generator], None]
Preparer = Callable[[nn.Module, Tensor], None]


@dataclass(frozen=True)
class Family:
    """One kind of network. Register it in ``networks.FAMILIES``, and its options in ``options.OPTIONS``."""

    options: type[Frozen]
    """The model that ``model.options`` of a recipe is checked against."""
    network: Callable[[Any, InputContract], nn.Module]
    """``(options, contract) -> network`` taking normalized float N×3×H×W and giving N×C logits.

    It is called with torch's default device set to ``meta``: it fixes the structure, and draws nothing."""
    initialize: Initializer
    """Sets every parameter and buffer, all randomness from the generator."""
    pretrained: Callable[[Any], str] | None = None
    """``options -> name`` of the weights of its ``backbone``; None for a family without one."""
    prepare: Preparer | None = None
    """``(network, images)``: sets values that follow from training images, in place; None for most families.

    The engine calls it once, before the first step of a training and not when it is resumed, with a few thousand
    normalized training images (float32 N×3×H×W, without augmentation, on the network's device), drawn by the
    candidate's seed. What it sets is part of the state dict."""
