"""Transfer learning: a pretrained ResNet backbone, frozen from the bottom up, under a new classifier."""

from __future__ import annotations

import math

from podium.contract import InputContract
from podium.models.family import Family
from podium.models.init import kaiming_normal
from podium.models.options import BackboneOptions, TransferOptions
from podium.models.resnet import ResNet


class TransferNet(ResNet):
    """A ResNet whose lower backbone layers are frozen: no gradients, and BatchNorm keeps its statistics."""

    def __init__(self, options: BackboneOptions, dropout: float, classes: int) -> None:
        super().__init__(options, dropout, classes)
        self.frozen = 0
        self.unfreeze(0.0)

    def unfreeze(self, fraction: float) -> None:
        """Train the top ``fraction`` of the backbone's layers (rounded up), and the head; freeze the rest."""
        self.frozen = len(self.backbone) - math.ceil(fraction * len(self.backbone))
        for index, layer in enumerate(self.backbone):
            layer.requires_grad_(index >= self.frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> TransferNet:
        """Switch to training, frozen layers excepted: their BatchNorm must not follow the new images."""
        super().train(mode)
        for layer in self.backbone[: self.frozen]:
            layer.eval()
        return self


def network(options: TransferOptions, contract: InputContract) -> TransferNet:
    """The network for the contract's classes, the whole backbone frozen."""
    return TransferNet(options, options.dropout, len(contract.class_names))


FAMILY = Family(TransferOptions, network, kaiming_normal, pretrained=lambda options: str(options.weights))
