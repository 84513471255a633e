"""Our own from-scratch champion: a small VGG in the spirit of the CIFAR-10 speed records, made to train in few steps.

The ideas are those of Jordan 2024 (arXiv 2404.00498), who builds on Page 2019 and tysam-code 2023: a first convolution
that whitens patches and stays as it is, pooling straight after each block's first convolution, convolutions that start
as the identity, BatchNorm without a scale, global max pooling, and small logits.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.contract import InputContract
from podium.errors import ConfigError
from podium.models.family import Family
from podium.models.init import reset
from podium.models.max_pool import MaxPool
from podium.models.norm_gelu import norm_gelu
from podium.models.options import SpeednetOptions

PATCH = 2
"""Side of the whitened patches."""
WHITENED = 2 * 3 * PATCH * PATCH
"""Channels of the first convolution: each principal direction and its negative, since GELU keeps one side only."""
DAMPING = 5e-4
"""Added to the variances of patches (of normalized images), so that directions without signal are not blown up."""
_CHUNK = 256


class ScaledLinear(nn.Linear):
    """A dense layer without bias whose result is multiplied by a constant."""

    def __init__(self, inputs: int, outputs: int, scale: float) -> None:
        super().__init__(inputs, outputs, bias=False)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """N×I → N×O."""
        return super().forward(x) * self.scale


class Block(nn.Module):
    """Conv → MaxPool 2 → BatchNorm → GELU; then [Conv → BatchNorm → GELU], once or, residual, twice."""

    def __init__(self, inputs: int, outputs: int, options: SpeednetOptions, *, tiny: bool) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, outputs)
        self.pool = MaxPool(ceil_mode=tiny)  # of one pixel, rounding down would leave nothing
        self.norm1 = _norm(outputs, options.norm_momentum)
        self.conv2 = _convolution(outputs, outputs)
        self.norm2 = _norm(outputs, options.norm_momentum)
        self.conv3 = _convolution(outputs, outputs) if options.convolutions == 3 else None
        self.norm3 = _norm(outputs, options.norm_momentum) if options.convolutions == 3 else None

    def forward(self, x: Tensor) -> Tensor:
        """N×I×H×W → N×O×H/2×W/2."""
        x = norm_gelu(self.norm1, self.pool(self.conv1(x)))
        y: Tensor = norm_gelu(self.norm2, self.conv2(x))
        if self.conv3 is not None and self.norm3 is not None:
            y = functional.gelu(x + self.norm3(self.conv3(y)))
        return y


class SpeedNet(nn.Module):
    """Whitening → GELU → blocks → global max pooling → dense layer."""

    def __init__(self, options: SpeednetOptions, contract: InputContract) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, WHITENED, PATCH)
        self.whiten.weight.requires_grad_(False)
        side = min(contract.height, contract.width) - PATCH + 1
        blocks, channels = [], WHITENED
        for width in options.widths:
            blocks.append(Block(channels, width, options, tiny=side < 2))
            channels, side = width, max(side // 2, 1)
        self.blocks = nn.Sequential(*blocks)
        self.head = ScaledLinear(channels, len(contract.class_names), options.scale)

    def forward(self, x: Tensor) -> Tensor:
        """Normalized N×3×H×W → N×C logits."""
        features = self.blocks(functional.gelu(self.whiten(x))).amax(dim=(2, 3))
        logits: Tensor = self.head(features)
        return logits


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


def _norm(channels: int, momentum: float) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, momentum=momentum)
    norm.weight.requires_grad_(False)
    return norm


def network(options: SpeednetOptions, contract: InputContract) -> SpeedNet:
    """The network for the contract's classes. Raises ConfigError if the images are smaller than a patch."""
    if min(contract.height, contract.width) < PATCH:
        raise ConfigError(
            f"speednet: {contract.height}×{contract.width} images hold no patch of {PATCH}×{PATCH} pixels",
            remedy="use larger images",
        )
    return SpeedNet(options, contract)


def initialize(net: nn.Module, generator: torch.Generator) -> None:
    """Uniform by fan-in, as torch's own layers; the first filters of a 3×3 convolution each pass on a channel."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
        if isinstance(module, nn.Conv2d) and module.bias is None:
            with torch.no_grad():
                nn.init.dirac_(module.weight[: module.in_channels])
        reset(module)


def prepare(net: nn.Module, images: Tensor) -> None:
    """Set the first convolution to whiten the patches of these images.

    Its filters are the eigenvectors of the second moments of all 2×2 patches, divided by the root of their eigenvalue,
    and the negatives of these. The moments are computed in float64, block by block.

    Args:
        net: A ``SpeedNet``.
        images: Normalized float N×3×H×W of training images; a few thousand are enough.
    """
    whiten = net.get_submodule("whiten")
    assert isinstance(whiten, nn.Conv2d)
    size = 3 * PATCH * PATCH
    moments, count = torch.zeros(size, size, dtype=torch.float64), 0
    for chunk in images.split(_CHUNK):
        patches = functional.unfold(chunk.contiguous(), PATCH).double()  # n×12×P, for P patches an image
        moments += torch.bmm(patches, patches.mT).sum(0).cpu()
        count += len(patches) * patches.shape[2]
    values, vectors = torch.linalg.eigh(moments / count)
    directions = vectors.T
    # An eigenvector's sign is arbitrary: its largest part is made positive, so that no library's choice is seen.
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    filters = signs * directions / (values.clamp(min=0) + DAMPING).sqrt()[:, None]
    with torch.no_grad():
        whiten.weight.copy_(torch.cat([filters, -filters]).reshape(WHITENED, 3, PATCH, PATCH))


FAMILY = Family(SpeednetOptions, network, initialize, prepare=prepare)
