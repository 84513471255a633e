"""A network layer by layer: output shapes, parameters and floating-point operations, without computing anything."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from podium.config import ModelConfig
from podium.contract import InputContract
from podium.models import count_parameters, skeleton


@dataclass(frozen=True)
class Layer:
    """A module that has parameters of its own, computes something of its own, or has no modules in it."""

    name: str
    """Its path in the network, which is also the prefix of its tensors in the state dict."""
    type: str
    output_shape: tuple[int, ...]
    """For one image, without the batch's axis."""
    parameters: int
    """BatchNorm's running statistics included, as Keras counts."""
    trainable_parameters: int
    flops: int
    """Two for each multiply-add of convolutions and matrix products; all else counts nothing, as is usual."""


@dataclass(frozen=True)
class LayerTable:
    """All layers in the order in which an image reaches them, and their sums."""

    layers: tuple[Layer, ...]
    parameters: int
    trainable_parameters: int
    flops: int
    """Of the forward pass of one image, seen once (``model.views`` multiplies it in evaluation)."""


def layer_table(model: ModelConfig, contract: InputContract) -> LayerTable:
    """Describe a recipe's network for images and classes of a contract; pretrained weights are not needed.

    Raises:
        ConfigError: The options are refused, or do not fit the contract.
    """
    net = skeleton(model.model_copy(update={"views": 1}), contract).to("meta").eval()
    names = {module: name for name, module in net.named_modules()}
    shapes: dict[str, tuple[int, ...]] = {}

    def note(module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            shapes[names[module]] = tuple(output.shape[1:])

    for module in names:
        module.register_forward_hook(note)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        net(torch.empty(1, 3, contract.height, contract.width, device="meta"))
    counts = counter.get_flop_counts()
    root = type(net).__name__

    def parts_of(name: str) -> list[str]:
        return [f"{name}.{part}" if name else part for part, _ in net.get_submodule(name).named_children()]

    def flops_of(name: str) -> int:
        counted = counts.get(f"{root}.{name}" if name else root)
        if counted is None:  # not called itself, as a backbone of which only the features are asked for
            return sum(map(flops_of, parts_of(name)))
        return sum(counted.values())

    layers = []
    for name, shape in shapes.items():
        module = net.get_submodule(name)
        flops = flops_of(name) - sum(map(flops_of, parts_of(name)))
        total, trainable = count_parameters(module, recurse=False)
        leaf = not parts_of(name) and not isinstance(module, nn.Identity)  # timm puts one where nothing is asked for
        if total or flops or leaf:
            layers.append(Layer(name, type(module).__name__, shape, total, trainable, flops))
    return LayerTable(tuple(layers), *count_parameters(net), counter.get_total_flops())
