"""Evaluation over several views of an image: logits averaged over its mirror image and shifts by one pixel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

LEAST_SIDE = 2
"""A border of one pixel cannot be reflected from less."""


@dataclass
class AverageViews:
    """A forward hook: in evaluation mode, a network's logits are averaged over views; training is not changed.

    A hook rather than a wrapping module, so that the keys of the state dict, sub-modules and the network's own methods
    stay what they are.

    The six views and their weights are those of Jordan 2024 (arXiv 2404.00498, section 3.5): image and mirror image,
    each ¼, and both shifted by one pixel up-left and down-right, the border reflected, each ⅛.
    """

    views: int
    paused: bool = False

    def __call__(self, net: nn.Module, inputs: tuple[Any, ...], logits: Tensor) -> Tensor | None:
        """Replace the logits of the image by the weighted mean over all views; None (unchanged) in training, paused."""
        if net.training or self.paused:
            return None
        images: Tensor = inputs[0]
        total = logits * (0.5 if self.views == 2 else 0.25)
        for weight, view in self._others(images):
            total = total + weight * net.forward(view)
        return total

    def _others(self, images: Tensor) -> Iterator[tuple[float, Tensor]]:
        """Weights and views beside the image itself, one after the other: memory stays that of one view."""
        if self.views == 2:
            yield 0.5, images.flip(-1)
            return
        yield 0.25, images.flip(-1)
        height, width = images.shape[-2:]
        padded = functional.pad(images, (1, 1, 1, 1), mode="reflect")
        for offset in (0, 2):
            shifted = padded[:, :, offset : offset + height, offset : offset + width]
            yield 0.125, shifted
            yield 0.125, shifted.flip(-1)


def average_views(net: nn.Module, views: int) -> nn.Module:
    """Let ``net`` average its logits over 1 (unchanged), 2 or 6 views in evaluation mode; returns ``net``."""
    if views > 1:
        net.register_forward_hook(AverageViews(views))
    return net


@contextmanager
def one_view(net: nn.Module) -> Iterator[None]:
    """Let ``net`` see each image once, as it is, within the context: a look at a fraction of the price."""
    hooks = [hook for hook in net._forward_hooks.values() if isinstance(hook, AverageViews)]
    for hook in hooks:
        hook.paused = True
    try:
        yield
    finally:
        for hook in hooks:
            hook.paused = False
