"""Where a network looks: Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from podium.contract import InputContract
from podium.errors import PodiumError
from podium.models.views import one_view
from podium.training.inputs import Normalizer, check_images

MISTAKES: Final = 6
HITS: Final = 6
BATCH: Final = 32


class NoFeatureMap(PodiumError):
    """A network in which nothing tells places of the image apart."""


class Maps(NamedTuple):
    """Saliency of some images."""

    values: NDArray[np.float32]
    """N×H×W on [0, 1]; 0 everywhere where no place speaks for the class."""
    layer: str
    """The module whose feature map was weighted."""


def choose(probabilities: NDArray[np.floating], labels: NDArray[np.integer], *, seed: int) -> NDArray[np.int64]:
    """Indices of the surest mistakes, the surest first, then of random images that were classified correctly."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:MISTAKES]
    right = np.random.default_rng(seed).permutation(np.flatnonzero(predicted == labels))[:HITS]
    return np.concatenate([wrong, np.sort(right)])


def grad_cam(net: nn.Module, images: NDArray[np.uint8], classes: Sequence[int], contract: InputContract) -> Maps:
    """Weight the last feature map's channels by their mean gradient for a class's logit; what is negative is cut off.

    The feature map is what the last module gives that has places (two rows and columns at least) and reaches the
    logits, found by running the network. A vision transformer's is what its last block's first normalization gives,
    its tokens folded to a grid: behind that, the class token alone may reach the logits.

    Args:
        net: In evaluation mode, as ``podium.training.build_from_bundle`` gives it; of several views of an image, only
            the image itself is looked at.
        images: uint8 N×H×W×3 of the contract's size.
        classes: N labels, for whose logits the maps are.
        contract: That of the network.

    Raises:
        NoFeatureMap: The network has none.
        DataError: The images break the contract.
    """
    check_images(images, contract)
    device = next(net.parameters()).device
    normalize = Normalizer.of(contract, device)
    found, layer = [], ""
    with one_view(net):
        for start in range(0, len(images), BATCH):
            batch = normalize(torch.from_numpy(np.array(images[start : start + BATCH])).to(device))
            wanted = torch.tensor(list(classes[start : start + BATCH]), device=device)
            values, layer = _one_batch(net, batch.requires_grad_(), wanted)
            found.append(values.cpu().numpy())
    empty = np.empty((0, contract.height, contract.width), np.float32)
    return Maps(np.concatenate([empty, *found]).astype(np.float32, copy=False), layer)


def _one_batch(net: nn.Module, images: Tensor, classes: Tensor) -> tuple[Tensor, str]:
    height, width = images.shape[-2:]
    transformer = _transformer(net)
    prefix = transformer.prefix if transformer else 0
    with torch.enable_grad(), _recorded(net, transformer, height / width) as maps:
        logits = net(images)
        score = logits.gather(1, classes[:, None]).sum()
        silent: tuple[Tensor, str] | None = None
        for name, given in reversed(maps):
            (gradient,) = torch.autograd.grad(score, given, retain_graph=True, allow_unused=True)
            if gradient is None:
                continue
            features, slopes = (_places_first(value.detach(), prefix, height / width) for value in (given, gradient))
            cam = (slopes.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1, keepdim=True).relu()
            cam = functional.interpolate(cam.float(), (height, width), mode="bilinear", align_corners=False)[:, 0]
            highest = cam.amax(dim=(1, 2), keepdim=True)
            done = torch.where(highest > 0, cam / highest.clamp(min=1e-30), 0), name
            if gradient.any():
                return done
            silent = silent or done
    if silent:
        return silent
    raise NoFeatureMap(
        f"{type(net).__name__}: no module gives a feature map with two rows and columns or more",
        remedy="Grad-CAM needs a network with places; larger images, or less pooling, leave some",
    )


@contextmanager
def _recorded(net: nn.Module, transformer: _Transformer | None, shape: float) -> Iterator[list[tuple[str, Tensor]]]:
    """Collect the feature maps of a forward pass, with the modules' names, in the order in which they are done."""
    maps: list[tuple[str, Tensor]] = []
    weighted = False

    def note(name: str, module: nn.Module, given: Any) -> None:
        nonlocal weighted
        weighted = weighted or any(True for _ in module.parameters(recurse=False))
        if weighted and isinstance(given, Tensor) and given.requires_grad and _has_places(given, shape):
            maps.append((name, given))

    with ExitStack() as hooks:
        if transformer is not None:
            name, norm, _ = transformer
            hook = norm.register_forward_hook(lambda _module, _inputs, given: maps.append((name, given)))
            hooks.callback(hook.remove)
        for name, module in () if transformer else net.named_modules():
            hook = module.register_forward_hook(lambda module, _inputs, given, name=name: note(name, module, given))
            hooks.callback(hook.remove)
        yield maps


class _Transformer(NamedTuple):
    name: str
    norm: nn.Module
    """The first normalization of the last block."""
    prefix: int
    """Tokens before those of the image."""


def _transformer(net: nn.Module) -> _Transformer | None:
    """Where the tokens of timm's vision transformers are looked at; None of other networks."""
    for name, module in net.named_modules():
        blocks, prefix = getattr(module, "blocks", None), getattr(module, "num_prefix_tokens", None)
        if isinstance(blocks, nn.Sequential) and isinstance(prefix, int) and hasattr(blocks[-1], "norm1"):
            place = f"{name}.blocks.{len(blocks) - 1}.norm1".lstrip(".")
            return _Transformer(place, net.get_submodule(place), prefix)
    return None


def _has_places(given: Tensor, shape: float) -> bool:
    return given.ndim == 4 and _layout(given, shape) is not None


def _layout(given: Tensor, shape: float) -> int | None:
    """The axis of the rows: 2 of N×C×h×w, 1 of N×h×w×C, whichever is more like the image; None of a single row."""
    sides = {axis: (given.shape[axis], given.shape[axis + 1]) for axis in (2, 1)}
    likely = {axis: abs(math.log(h / w / shape)) for axis, (h, w) in sides.items() if min(h, w) > 1}
    return min(likely, key=lambda axis: likely[axis], default=None)


def _places_first(given: Tensor, prefix: int, shape: float) -> Tensor:
    """N×C×h×w of a map of any layout, or of tokens."""
    if given.ndim == 4:
        return given if _layout(given, shape) == 2 else given.permute(0, 3, 1, 2)
    tokens = given[:, prefix:]
    rows = max(1, round(math.sqrt(tokens.shape[1] * shape)))
    if tokens.shape[1] % rows or rows < 2:
        raise NoFeatureMap(
            f"{tokens.shape[1]} tokens are no grid of the image's shape",
            remedy="use square images, or a network with a feature map",
        )
    return tokens.unflatten(1, (rows, -1)).permute(0, 3, 1, 2)


def overlay(image: NDArray[np.uint8], values: NDArray[np.float32], *, least: int = 96) -> NDArray[np.uint8]:
    """A picture of an image, made gray, under its saliency in colour; at least ``least`` pixels on the shorter side.

    Args:
        image: uint8 H×W×3.
        values: float32 H×W on [0, 1].
        least: The image's pixels stay squares when it is enlarged to this.

    Returns:
        uint8 h×w×3, for whole multiples h and w of H and W.
    """
    times = max(1, math.ceil(least / min(image.shape[:2])))
    large = image.repeat(times, 0).repeat(times, 1).astype(np.float32)
    gray = large @ np.array([0.299, 0.587, 0.114], np.float32)
    heat = functional.interpolate(
        torch.from_numpy(values)[None, None], gray.shape, mode="bilinear", align_corners=False
    )
    strength = heat[0, 0].numpy()[..., None]
    return np.rint(gray[..., None] * (1 - 0.75 * strength) + 0.75 * strength * _colours(strength)).astype(np.uint8)


def _colours(strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """From dark red through orange to light yellow: lightness grows with the value, also for those who see no red."""
    stops = np.array([[120, 0, 0], [230, 80, 10], [255, 190, 40], [255, 250, 170]], np.float32)
    return np.stack([np.interp(strength[..., 0], np.linspace(0, 1, 4), stops[:, c]) for c in range(3)], axis=-1)
