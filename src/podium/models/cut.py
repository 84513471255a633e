"""Where a partly frozen network can be cut: below lies nothing that is trained, and one tensor goes up.

The place is found by running the network. Tracing its code would patch torch under the threads of other trainings, and
not all of timm's networks can be traced.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from podium.models.transfer import TransferNet

HEAD: Final = "head"
"""The place between backbone and head."""
TRIES: Final = 400
"""Places that are tried, from the top: more than a dense block has parts."""


class Cut(NamedTuple):
    """A network in two parts that share its layers: ``upper(lower(x))`` is what the network gives."""

    name: str
    """Of the first module above."""
    lower: nn.Module
    """Normalized N×3×H×W → N×…; nothing of it is trained."""
    upper: nn.Module
    """N×… → logits N×C. Its ``train`` is that of the whole network."""


def cut(net: TransferNet, images: Tensor) -> Cut | None:
    """Cut a network at the highest place that only frozen layers lie below.

    Layers between that place and the first trained one (the rest of a residual block) are above it, frozen.

    Args:
        net: Put into evaluation mode.
        images: Some normalized images, N×3×H×W, on the network's device: the parts are tried on them.

    Returns:
        None if nothing can be kept: the first layer is trained, or no place was found that one tensor alone passes.
    """
    if net.frozen == len(net.layers()):
        return Cut(HEAD, Lower(_with(net, {HEAD: nn.Identity()})), net.head)
    net.eval()
    with torch.no_grad():
        calls = _calls(net, images)
        trained = {f"backbone.{name}" for name, _ in net.layers()[net.frozen :]}
        first = next(place for place, (name, _) in enumerate(calls) if name in trained or name.startswith(HEAD))
        expected = net(images)
        layers = {f"backbone.{name}" for name, _ in net.layers()}
        tries = 0
        for place in range(first, -1, -1):
            name, single = calls[place]
            tries += single
            if tries > TRIES:
                break
            below = {other for other, _ in calls[:place] if not f"{name}.".startswith(f"{other}.")}
            if not layers & below:
                return None  # nothing but the images themselves
            if single and (found := _parts(net, name, below)) and _same(found, images, expected):
                return found
    return None


class Lower(nn.Module):
    """A network up to a module that is an ``_End``, or without its head."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, x: Tensor) -> Tensor:
        """Normalized N×3×H×W → N×…"""
        try:
            given: Tensor = self.whole(x)
        except _Reached as reached:
            return reached.value
        return given


class Upper(nn.Module):
    """What is above a cut. Which of its layers follow new images is for the whole network to say."""

    def __init__(self, part: nn.Module, whole: TransferNet) -> None:
        super().__init__()
        self.part = part
        self._switch: Callable[[bool], object] = whole.train

    def forward(self, x: Tensor) -> Tensor:
        """N×… → logits N×C."""
        logits: Tensor = self.part(x)
        return logits

    def train(self, mode: bool = True) -> Upper:
        """Switch the whole network."""
        self._switch(mode)
        self.training = mode
        return self


class _Reached(Exception):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value


class _End(nn.Module):
    """Stands where the network is cut."""

    def forward(self, x: Tensor) -> Tensor:
        raise _Reached(x)


class _Passed(nn.Module):
    """Stands for a module below the cut: what goes up passes through."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def _calls(net: nn.Module, images: Tensor) -> list[tuple[str, bool]]:
    """The modules as they are called in a forward pass, each once, and whether one tensor was all that it was given."""
    calls: list[str] = []
    single: dict[str, bool] = {}

    def note(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        single[name] = name not in single and len(args) == 1 and isinstance(args[0], Tensor) and not kwargs
        calls.append(name)

    hooks = [
        module.register_forward_pre_hook(
            lambda _module, args, kwargs, name=name: note(name, args, kwargs), with_kwargs=True
        )
        for name, module in net.named_modules()
        if name
    ]
    try:
        net(images)
    finally:
        for hook in hooks:
            hook.remove()
    return [(name, single[name]) for name in dict.fromkeys(calls)]


def _parts(net: TransferNet, name: str, below: set[str]) -> Cut:
    whole = {other for other in below if not any(f"{other}.".startswith(f"{b}.") for b in below if b != other)}
    upper = _with(net, dict.fromkeys(whole, _Passed()), passed=True)
    lower = {name: _End()} if name == HEAD else {name: _End(), HEAD: nn.Identity()}
    return Cut(name, Lower(_with(net, lower)), Upper(upper, net))


def _with(module: nn.Module, replaced: Mapping[str, nn.Module], *, passed: bool = False) -> nn.Module:
    """A module with other submodules at the given places; it shares all others, and all parameters."""
    new = copy.copy(module)
    new._modules = dict(module._modules)
    inner: dict[str, dict[str, nn.Module]] = {}
    for name, other in replaced.items():
        child, _, rest = name.partition(".")
        inner.setdefault(child, {})[rest] = other
    for child, below in inner.items():
        new._modules[child] = below.get("") or _with(module.get_submodule(child), below, passed=passed)
    if passed and hasattr(new, "_pos_embed"):  # timm's transformers add position embeddings outside of any module
        new.__dict__["_pos_embed"] = lambda tokens: tokens
    return new


def _same(found: Cut, images: Tensor, expected: Tensor) -> bool:
    """Whether the two parts give what the network gives, and no layer that is trained is below."""
    try:
        with torch.enable_grad():
            below = found.lower(images)
        if below.requires_grad:
            return False
        given = found.upper(below)
    except (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        return False
    return given.shape == expected.shape and torch.allclose(given, expected, rtol=1e-4, atol=1e-5)
