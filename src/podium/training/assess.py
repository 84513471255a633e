"""How good a network is on the validation split, while it is trained."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from podium.models.views import one_view
from podium.training.execution import Runner
from podium.training.feed import Feed
from podium.training.ranks import Ranks

BATCH = 128


class Figures(NamedTuple):
    """Of a network on a split."""

    loss: float
    """Mean, in nats."""
    accuracy: float
    confusion: Tensor
    """int64 C×C, on the CPU; rows are true classes."""
    views: bool
    """Whether all views of an image were looked at, or only the image itself."""


def assess(
    runner: Runner,
    feed: Feed,
    normalize: Callable[[Tensor], Tensor],
    classes: int,
    *,
    views: bool = True,
    ranks: Ranks | None = None,
) -> Figures:
    """Look at a network on a split, in its training's precision; it is put into evaluation mode and left in it.

    Args:
        runner: The network and how it is run. Compiled code is not used: it is for the training mode.
        feed: The split, on the network's device.
        normalize: The contract's.
        classes: Their number.
        views: Whether a network that averages views of an image sees all of them, or the image alone.
        ranks: The processes that share the work; all get the figures of the whole split.
    """
    ranks = ranks or Ranks()
    net = runner.net.eval()
    loss = torch.zeros((), dtype=torch.float64, device=feed.device)
    confusion = torch.zeros(classes * classes, dtype=torch.int64, device=feed.device)
    with torch.inference_mode(), nullcontext() if views else one_view(net):
        for _, images, truth in feed.in_order(BATCH, ranks.part(len(feed))):
            if not len(truth):
                continue  # more processes than images
            logits = runner.uncompiled(normalize(images))
            loss += functional.cross_entropy(logits, truth, reduction="sum")
            confusion.index_add_(0, truth * classes + logits.argmax(1), torch.ones_like(truth))
    ranks.total(loss, confusion)
    matrix = confusion.reshape(classes, classes).cpu()
    return Figures(float(loss) / len(feed), int(matrix.diagonal().sum()) / len(feed), matrix, views)
