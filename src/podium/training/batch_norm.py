"""What BatchNorm layers know of the images that a network was trained on, held against what it is given.

Two of the ways in which reference T10 fails silently leave their traces there. A pretrained network that is given other
inputs than it was trained on (another range, another order of the channels) sees other statistics in its first layers
than those that it keeps; and where the statistics that it keeps are no longer those of its layers' inputs, it answers
well in training mode, and at random in evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from podium.config import ModelConfig
from podium.contract import InputContract
from podium.errors import TrainingFailed
from podium.models import skeleton
from podium.models.transfer import TransferNet
from podium.training.inputs import Normalizer

IMAGES: Final = 256
"""Of a sample; with fewer than ``LEAST`` no conclusion is drawn."""
LEAST: Final = 64
_LAYERS: Final = 2
_CHUNK: Final = 32
OTHER_RANGE: Final = 4.0
OTHER_ORDER: Final = 2.0
"""By which factor another reading of the images must fit better. CIFAR-10's in a ResNet-20 pretrained on Tiny ImageNet:
range [-1, 1] instead of its own 12, [0, 1] 40, channels reversed 3.5 (256 images)."""
NOTICEABLE: Final = 0.03
"""Distance, in nats, below which nothing is said."""
FITS: Final = 0.25
"""Distance that another reading must stay below: what fits nothing says nothing."""
DRIFTED: Final = "BatchNorm's statistics drifted"
GAP: Final = 0.1
"""Accuracy that batch statistics must gain over kept ones."""


class _Enough(Exception):
    pass


def check_inputs(net: TransferNet, images: Tensor, normalize: Normalizer) -> str | None:
    """Look for a sign that images do not reach a pretrained backbone as those did that it was trained on.

    The first BatchNorm layers keep mean and variance of each channel; their distance from those of the images given is
    the Kullback-Leibler divergence of the two normal distributions, averaged over channels. It is compared for the
    images as they are normalized, and for other usual ways to give them.

    Args:
        net: On its device, with the weights that it was pretrained with.
        images: uint8 N×H×W×3 of the training split, there.
        normalize: The contract's.

    Returns:
        A warning if values seem to have another range, or channels another order; None if nothing is noticed, if there
        are no BatchNorm layers, or too few images. It is no proof: drawings have more contrast than photographs.
    """
    norms = [module for module in net.backbone.modules() if isinstance(module, _BatchNorm)][:_LAYERS]
    if not norms or len(images) < LEAST:
        return None
    given = _distance(net, norms, images, normalize)
    ranges: dict[str, Callable[[Tensor], Tensor]] = {
        "from -1 to 1": lambda x: _channels_first(x) / 127.5 - 1,
        "from 0 to 1": lambda x: _channels_first(x) / 255,
        "from 0 to 255": _channels_first,
    }
    distances = {name: _distance(net, norms, images, view) for name, view in ranges.items()}
    name = min(distances, key=distances.__getitem__)
    if given > NOTICEABLE and given > OTHER_RANGE * distances[name] and distances[name] < FITS:
        return (
            "the images seem to have another range than the backbone was trained on: the statistics of its first layers"
            f" fit values {name} ({distances[name]:.3g} nats off) far better than those given ({given:.3g}); if so,"
            " correct the mean and standard deviation in the provenance of its weights. Images of much more contrast"
            " than photographs, such as drawings, look the same"
        )
    reversed_channels = _distance(net, norms, images.flip(-1), normalize)
    if given > NOTICEABLE and given > OTHER_ORDER * reversed_channels and reversed_channels < FITS:
        return (
            "the channels seem to be in the order BGR: the statistics of the backbone's first layers fit the images"
            f" with red and blue exchanged better ({reversed_channels:.3g} nats off instead of {given:.3g}); if so,"
            " import them again as RGB"
        )
    return None


def _channels_first(images: Tensor) -> Tensor:
    return images.float().permute(0, 3, 1, 2)


def _distance(net: TransferNet, norms: list[_BatchNorm], images: Tensor, view: Callable[[Tensor], Tensor]) -> float:
    """Mean over ``norms`` of the divergence between their inputs' statistics and those that they keep, in nats."""
    sums: dict[_BatchNorm, list[Tensor]] = {norm: [] for norm in norms}

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, _BatchNorm)
        x = inputs[0].double()
        axes = [axis for axis in range(x.ndim) if axis != 1]
        count = torch.tensor(float(x.numel() // x.shape[1]), device=x.device)
        sums[module].append(torch.stack([x.sum(axes), x.square().sum(axes), count.expand(x.shape[1])]))
        if module is norms[-1]:
            raise _Enough

    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    training = net.training
    try:
        with torch.inference_mode():
            net.eval()
            for chunk in images.split(_CHUNK):
                try:
                    net.features(view(chunk))
                except _Enough:
                    continue
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    distances = []
    for norm, parts in sums.items():
        if not parts:
            continue
        total, squares, count = torch.stack(parts).sum(0)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean, kept = total / count, norm.running_var.double() + norm.eps
        variance = (squares / count - mean.square()).clamp(min=0) + norm.eps
        shift = (mean - norm.running_mean.double()).square()
        distances.append(float((0.5 * ((kept / variance).log() + (variance + shift) / kept - 1)).mean()))
    return sum(distances) / len(distances)


def check_batches(model: ModelConfig, contract: InputContract, images: int) -> None:
    """Refuse batches of one image where a BatchNorm layer would see a single value a channel of them.

    Args:
        model: The network.
        contract: Of the images it is given.
        images: In the smallest batch.

    Raises:
        TrainingFailed: Names the layer.
    """
    if images > 1:
        return
    net = skeleton(model.model_copy(update={"views": 1}), contract).to("meta").eval()
    single: list[str] = []

    def note(name: str, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if inputs[0].numel() == inputs[0].shape[1]:
            single.append(name)

    for name, module in net.named_modules():
        if isinstance(module, _BatchNorm):
            module.register_forward_pre_hook(partial(note, name))
    with torch.no_grad():
        net(torch.empty(1, 3, contract.height, contract.width, device="meta"))
    if single:
        raise TrainingFailed(
            f"trainer.batch_size: of a batch of 1 image, BatchNorm layer {single[0]!r} has one value a channel, whose"
            " variance is not known",
            remedy="set batch_size to 2 or more",
        )


def check_statistics(net: nn.Module, images: Tensor, labels: Tensor, normalize: Normalizer) -> str | None:
    """Look whether a network answers well with the statistics of a batch, and badly with those that it keeps.

    Args:
        net: On its device; its state is as before afterwards.
        images: uint8 N×H×W×3 of the training split, there.
        labels: int64 N.
        normalize: The contract's.

    Returns:
        A warning; None if the two agree, if there are no BatchNorm layers, or too few images.
    """
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    if not norms or len(images) < LEAST:
        return None
    training = net.training
    net.eval()
    try:
        with torch.inference_mode():
            kept = _accuracy(net, images, labels, normalize)
            with _statistics_of_the_batch(norms):
                batch = _accuracy(net, images, labels, normalize)
    finally:
        net.train(training)
    if batch < kept + GAP:
        return None
    freeze = "set fine_tune.freeze_norm to true, or " if isinstance(net, TransferNet) else ""
    return (
        f"{DRIFTED}: of {len(images)} training images the network knows {batch:.2f} with the"
        f" statistics of these images, and {kept:.2f} with those that it keeps; {freeze}use larger batches or a lower"
        " learning rate"
    )


def _accuracy(net: nn.Module, images: Tensor, labels: Tensor, normalize: Normalizer) -> float:
    parts = zip(images.split(_CHUNK), labels.split(_CHUNK), strict=True)
    return sum(int((net(normalize(x)).argmax(1) == y).sum()) for x, y in parts) / len(labels)


@contextmanager
def _statistics_of_the_batch(norms: list[_BatchNorm]) -> Iterator[None]:
    """Let BatchNorm normalize by its inputs, and keep what it knows."""
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.training, norm.momentum, norm.num_batches_tracked = True, 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, tracked) in zip(norms, before, strict=True):
            norm.training, norm.momentum, norm.num_batches_tracked = False, momentum, tracked
