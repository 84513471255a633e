"""Optimizers from a trainer's configuration; their state as plain tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from podium.config import TrainerConfig


def make_optimizer(net: nn.Module, config: TrainerConfig, rate: float) -> Optimizer:
    """An optimizer over the trainable parameters; weight decay spares biases and BatchNorm."""
    parameters = [p for p in net.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    momentum = {"sgd": 0.9, "muon": 0.95}.get(config.optimizer, 0.0) if config.momentum is None else config.momentum
    if config.optimizer == "adam":
        return Adam(groups, lr=rate, fused=True)
    if config.optimizer == "adamw":
        return AdamW(groups, lr=rate, fused=True)
    if config.optimizer == "rmsprop":
        return RMSprop(groups, lr=rate, alpha=0.9, momentum=momentum, foreach=True)
    return SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=True)


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of all groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def state_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimizer's state, keyed ``INDEX.NAME`` by parameter index and name of the value."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value
        for index, values in state.items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def load_state_tensors(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what ``state_tensors`` gave, in the memory layout of the parameters."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        parameter = parameters[int(index)]
        same_shape = value.shape == parameter.shape and value.ndim > 0
        state.setdefault(int(index), {})[name] = (
            torch.empty_like(parameter).detach().copy_(value) if same_shape else value
        )
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
