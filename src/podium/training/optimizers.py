"""Optimizers from a trainer's configuration; their state as plain tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adadelta, Adam, AdamW, Optimizer, RMSprop

from podium.config import TrainerConfig
from podium.models.transfer import TransferNet
from podium.training.muon import Muon

MOMENTUM = {"sgd": 0.9, "muon": 0.95}
"""Where the configuration leaves it open; 0 for the others."""
REST_MOMENTUM = 0.85
"""muon: of what is trained by SGD."""


def make_optimizer(net: nn.Module, config: TrainerConfig, rate: float, layer_decay: float = 1.0) -> Optimizer:
    """An optimizer over the trainable parameters.

    Hidden weights, the last matrix (the classifier's) and the rest (biases, normalization) are groups with learning
    rates of their own; weight decay is divided by the same factor, so that all decay as fast (Jordan 2024, arXiv
    2404.00498). With ``layer_decay``, a backbone's groups of layers learn the slower the lower they are.
    Constants that the configuration does not name are Keras's for RMSprop and Adadelta, torch's for the others.
    """
    hidden, head, rest = _parts(net)
    momentum = MOMENTUM.get(config.optimizer, 0.0) if config.momentum is None else config.momentum
    groups: list[dict[str, Any]] = [
        _group(hidden, 1.0, config.weight_decay),
        _group(head, config.head_rate, config.weight_decay),
        _group(rest, config.bias_rate, config.weight_decay if config.bias_decay else 0.0),
    ]
    if config.optimizer == "muon":
        convolutions = [p for p in hidden if p.ndim > 2]
        matrices = [p for p in hidden if p.ndim == 2]
        groups[:1] = [
            {**_group(convolutions, 1.0, config.weight_decay), "orthogonal": True, "unit": config.unit_filters},
            {**_group(matrices, 1.0, config.weight_decay), "orthogonal": True},
        ]
        for group in groups[2:]:
            group["momentum"] = REST_MOMENTUM
    if layer_decay < 1:
        groups = _by_depth(net, groups, layer_decay)
    optimizer = _create(config, _merged(groups), rate, momentum)
    set_rate(optimizer, rate)
    return optimizer


def _create(config: TrainerConfig, groups: list[dict[str, Any]], rate: float, momentum: float) -> Optimizer:
    match config.optimizer:
        case "adam":
            return Adam(groups, lr=rate, fused=True)
        case "adamw":
            return AdamW(groups, lr=rate, fused=True)
        case "rmsprop":
            return RMSprop(groups, lr=rate, alpha=0.9, eps=1e-7, momentum=momentum, foreach=True)
        case "adadelta":
            return Adadelta(groups, lr=rate, rho=0.95, eps=1e-7, foreach=True)
        case "sgd":
            return SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=True)
        case "muon":
            return Muon(groups, lr=rate, momentum=momentum)


def _parts(net: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """Trainable parameters: hidden weights, the last matrix if there is one, biases and normalization."""
    parameters = [p for p in net.parameters() if p.requires_grad]
    head = [p for p in parameters if p.ndim == 2][-1:]
    hidden = [p for p in parameters if p.ndim > 1 and all(p is not last for last in head)]
    return hidden, head, [p for p in parameters if p.ndim <= 1]


def _by_depth(net: nn.Module, groups: list[dict[str, Any]], layer_decay: float) -> list[dict[str, Any]]:
    """Divide each group by how deep its parameters lie below the head; deeper ones have a smaller factor."""
    assert isinstance(net, TransferNet)
    depths = {parameter: net.depth(name) for name, parameter in net.named_parameters()}
    divided = []
    for group in groups:
        for depth in sorted({depths[p] for p in group["params"]}):
            params = [p for p in group["params"] if depths[p] == depth]
            divided.append({**group, "params": params, "factor": group["factor"] * layer_decay**depth})
    return divided


def _merged(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same parameters in the same order; neighbours of equal settings as one group, which is one update."""
    merged: list[dict[str, Any]] = []
    for group in groups:
        if not group["params"]:
            continue
        if merged and {**merged[-1], "params": None} == {**group, "params": None}:
            merged[-1] = {**group, "params": merged[-1]["params"] + group["params"]}
        else:
            merged.append(group)
    return merged


def _group(parameters: list[nn.Parameter], factor: float, weight_decay: float) -> dict[str, Any]:
    return {"params": parameters, "factor": factor, "weight_decay": weight_decay / factor}


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate: of each group, times its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


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
