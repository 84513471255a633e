"""Reference C2: ResNet for small images (He et al. 2015, section 4.2) with projection shortcuts."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from podium.contract import InputContract
from podium.models.family import Family
from podium.models.init import kaiming_normal
from podium.models.layers import Dropout
from podium.models.options import BackboneOptions, ResnetOptions


class Block(nn.Module):
    """Two 3×3 convolutions with BatchNorm, and a shortcut: 1×1 convolution and BatchNorm where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        """N×I×H×W → N×O×H/s×W/s."""
        y = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x), inplace=True)


class Stem(nn.Module):
    """The first 3×3 convolution with BatchNorm and ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """N×3×H×W → N×W×H×W."""
        return functional.relu(self.norm(self.conv(x)), inplace=True)


def backbone(options: BackboneOptions) -> nn.Sequential:
    """Stem and blocks, in order: N×3×H×W → N×4W×H/4×W/4 for width W."""
    blocks = (options.depth - 2) // 6
    layers: list[nn.Module] = [Stem(options.width)]
    channels = options.width
    for stage in range(3):
        outputs = options.width * 2**stage
        for index in range(blocks):
            layers.append(Block(channels, outputs, stride=2 if stage and index == 0 else 1))
            channels = outputs
    return nn.Sequential(*layers)


class ResNet(nn.Module):
    """Backbone → GlobalAveragePool → Dropout → Dense."""

    def __init__(self, options: BackboneOptions, dropout: float, classes: int) -> None:
        super().__init__()
        self.backbone = backbone(options)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(options.width * 4, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Normalized N×3×H×W → N×C logits."""
        features = self.backbone(x).mean(dim=(2, 3))
        logits: Tensor = self.head(self.dropout(features))
        return logits


def network(options: ResnetOptions, contract: InputContract) -> ResNet:
    """The network for the contract's classes; any image size."""
    return ResNet(options, options.dropout, len(contract.class_names))


FAMILY = Family(ResnetOptions, network, kaiming_normal)
