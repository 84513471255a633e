"""Initialisation from an explicit generator: torch's own constructors draw from a generator shared by all threads."""

from __future__ import annotations

import torch
from torch import nn


def glorot_uniform(net: nn.Module, generator: torch.Generator) -> None:
    """Keras's defaults: Glorot uniform weights, zero biases."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
        reset(module)


def kaiming_normal(net: nn.Module, generator: torch.Generator) -> None:
    """He et al.: convolutions normal by fan-out for ReLU; linear layers Glorot uniform; zero biases."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
        reset(module)


def reset(module: nn.Module) -> None:
    """Zero biases; BatchNorm starts as the identity."""
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        module.reset_running_stats()
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
