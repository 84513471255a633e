"""Backbones of timm's, by name (Wightman 2019, doi 10.5281/zenodo.4414861)."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from podium.config.load import nearest
from podium.contract import InputContract
from podium.errors import ConfigError
from podium.models.family import Family
from podium.models.heads import head
from podium.models.init import kaiming_normal
from podium.models.layers import GlobalAveragePool
from podium.models.options import TimmOptions
from podium.models.resizing import Resize
from podium.models.transfer import TransferNet

_creating = threading.Lock()


class MapNet(TransferNet):
    """The head sees the backbone's last feature map, or its mean."""

    def features(self, x: Tensor) -> Tensor:
        """Normalized N×3×H×W → N×F×h×w, or N×F."""
        given: Tensor = self.pool(self.backbone.forward_features(self.entry(x)))  # type: ignore[operator]
        return given


def network(options: TimmOptions, contract: InputContract) -> TransferNet:
    """A network of timm's without its classifier, under a head for the contract's classes, the whole backbone frozen.

    Raises:
        ConfigError: timm knows no such network, it does not take images of this size, or it gives no feature map where
            the head needs one.
    """
    side = options.input_size
    height, width = (side, side) if side else (contract.height, contract.width)
    backbone = create(options.architecture, height, width)
    entry = Resize(side) if side else nn.Identity()
    classes = len(contract.class_names)
    wants_map = options.pooling == "average" or bool(options.convolutions)
    channels, removed = _used(options.architecture, height, width, wants_map)
    for name in removed:
        backbone.set_submodule(name, nn.Identity())
    groups = _groups(backbone)
    kind = MapNet if wants_map else TransferNet
    pool = GlobalAveragePool() if wants_map and not options.convolutions else nn.Identity()
    classifier = head(options, channels, classes, pooled=not options.convolutions)
    return kind(entry, backbone, pool, classifier, groups=groups, removed=removed)


def _groups(backbone: Any) -> dict[str, int]:
    """For each parameter the number of its block, from the bottom; of its top-level part where timm tells no blocks."""
    from timm.models import group_parameters

    if hasattr(backbone, "group_matcher"):
        return dict(group_parameters(backbone, backbone.group_matcher(coarse=False), reverse=True))
    parts = [name for name, _ in backbone.named_children()]
    return {
        name: parts.index(name.split(".", 1)[0]) if name.split(".", 1)[0] in parts else 0
        for name, _ in backbone.named_parameters()
    }


def create(architecture: str, height: int, width: int) -> Any:
    """A network of timm's without its classifier, on torch's default device, for images of this size.

    What a network computes rather than stores (buffers that are not in its state dict) is on the CPU, with its values.

    Raises:
        ConfigError: timm knows no such network, or it does not take images of this size.
    """
    import timm  # takes two seconds, which most runs need not spend

    if not timm.is_model(architecture):
        raise ConfigError(
            f"model.options.weights: timm {timm.__version__} has no network {architecture!r}",
            remedy=nearest(architecture, timm.list_models()),
        )
    default = timm.get_pretrained_cfg(architecture)
    fixed = bool(default and default.fixed_input_size and tuple(default.input_size[1:]) != (height, width))
    try:
        backbone = _create(architecture, {"dynamic_img_size": True} if fixed else {})
    except TypeError:
        if default is None or not fixed:
            raise
        raise ConfigError(
            f"model.options.input_size: {architecture} takes images of {default.input_size[1]}×{default.input_size[2]}"
            f" only, not {height}×{width}",
            remedy=f"set input_size to {default.input_size[1]}, or choose another backbone",
        ) from None
    return backbone


def _create(architecture: str, given: dict[str, Any]) -> nn.Module:
    import timm

    backbone = timm.create_model(architecture, num_classes=0, **given)
    computed = [(name, m) for name, m in backbone.named_modules() if m._non_persistent_buffers_set]
    if computed and any(p.is_meta for p in backbone.parameters()):
        with _creating, torch.device("cpu"), torch.random.fork_rng(devices=[]):
            real = timm.create_model(architecture, num_classes=0, **given)
        for name, module in computed:
            for buffer in module._non_persistent_buffers_set:
                module._buffers[buffer] = real.get_submodule(name)._buffers[buffer]
    return backbone


@lru_cache(maxsize=64)
def _used(architecture: str, height: int, width: int, wants_map: bool) -> tuple[int, tuple[str, ...]]:
    """Channels that the head is given, and the parts with parameters that take no part in them."""
    with torch.device("meta"):
        backbone = create(architecture, height, width).to("meta").eval()
        if not wants_map:
            return int(backbone.head_hidden_size or backbone.num_features), ()
        called: set[str] = set()
        for name, module in backbone.named_modules():
            module.register_forward_pre_hook(lambda _module, _inputs, name=name: called.add(name))
        try:
            given = backbone.forward_features(torch.empty(1, 3, height, width))
        except (AssertionError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"model.options.input_size: {architecture} does not take images of {height}×{width} ({error})",
                remedy="choose another size, or another backbone",
            ) from None
    channels = int(backbone.num_features)
    if given.ndim != 4 or given.shape[1] != channels:
        raise ConfigError(
            f"model.options.weights: {architecture} gives {'×'.join(map(str, given.shape[1:]))} values an image, no map"
            f" of {channels} channels for this head",
            remedy="set pooling to own, and leave out convolutions",
        )
    children = [name for name, module in backbone.named_children() if any(True for _ in module.parameters())]
    return channels, tuple(name for name in children if name not in called and not _within(name, called))


def _within(name: str, called: set[str]) -> bool:
    return any(other.startswith(f"{name}.") for other in called)


def initialize(net: nn.Module, generator: torch.Generator) -> None:
    """The head's values; the backbone's come from its weights."""
    kaiming_normal(net.get_submodule("head"), generator)


FAMILY = Family(TimmOptions, network, initialize, pretrained=lambda options: str(options.weights))
