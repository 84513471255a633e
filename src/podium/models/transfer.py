"""Transfer learning: a pretrained backbone, frozen from the bottom up, under a new classifier."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from podium.config import TopLayers, Unfreeze
from podium.config.load import nearest
from podium.contract import InputContract
from podium.errors import ConfigError
from podium.models.family import Family
from podium.models.heads import head
from podium.models.init import kaiming_normal
from podium.models.layers import GlobalAveragePool
from podium.models.options import TransferOptions
from podium.models.resnet import backbone


class TransferNet(nn.Module):
    """Entry → backbone → pooling → head. Frozen layers get no gradients, and their BatchNorm keeps its statistics.

    A layer is a module of the backbone with parameters of its own, in the order of registration. What a backbone does
    at random while it is trained (dropout, stochastic depth) is off: it would draw from torch's global generator.

    Args:
        entry: What comes before the backbone, such as resizing.
        backbone: Normalized N×3×H×W → features.
        pool: What a backbone gives → what ``head`` takes.
        head: → N×C logits.
        groups: For each parameter of the backbone the number of its group of layers, from the bottom; groups that
            ``layer_decay`` slows down alike.
        removed: Names of the backbone's parts that take no part in the result, and were removed.
    """

    def __init__(
        self, entry: nn.Module, backbone: nn.Module, pool: nn.Module, head: nn.Module, *, groups: Mapping[str, int],
        removed: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__()
        self.entry = entry
        self.backbone = backbone
        self.pool = pool
        self.head = head
        self.groups = groups
        self.removed = removed
        self.frozen = 0
        """Layers, from the bottom, that are not trained."""
        self.freeze_norm = False
        """Whether BatchNorm keeps its statistics also where it is trained."""
        self.unfreeze(None)

    def forward(self, x: Tensor) -> Tensor:
        """Normalized N×3×H×W → N×C logits."""
        logits: Tensor = self.head(self.features(x))
        return logits

    def features(self, x: Tensor) -> Tensor:
        """Normalized N×3×H×W → what the head is given."""
        given: Tensor = self.pool(self.backbone(self.entry(x)))
        return given

    def layers(self) -> list[tuple[str, nn.Module]]:
        """The backbone's layers with their names, from the bottom."""
        return [
            (name, module) for name, module in self.backbone.named_modules() if module._parameters or module._buffers
        ]

    def unfreeze(self, what: Unfreeze | None, *, freeze_norm: bool = False) -> None:
        """Train the layers that ``what`` names, and the head; freeze the rest.

        Args:
            what: A fraction of the layers from the top (rounded up), their number, or the name of the first of them;
                None: nothing.
            freeze_norm: Keep BatchNorm's statistics in the trained layers, too.

        Raises:
            ConfigError: There is no such layer, or there are fewer layers.
        """
        layers = self.layers()
        self.frozen = len(layers) - self._trained(what, [name for name, _ in layers])
        self.freeze_norm = freeze_norm
        for index, (_, layer) in enumerate(layers):
            for parameter in layer.parameters(recurse=False):
                parameter.requires_grad_(index >= self.frozen)
        self.train(self.training)

    def _trained(self, what: Unfreeze | None, names: list[str]) -> int:
        if what is None:
            return 0
        if isinstance(what, float):
            return math.ceil(what * len(names))
        if isinstance(what, TopLayers):
            if what.layers > len(names):
                raise ConfigError(
                    f"trainer.fine_tune.unfreeze: the backbone has {len(names)} layers, not {what.layers}",
                    remedy=f"name {len(names)} at most, or 1.0 for all of them",
                )
            return what.layers
        what = what.removeprefix("backbone.")  # as `podium recipes show` has it
        for index, name in enumerate(names):
            if name == what or name.startswith(f"{what}."):
                return len(names) - index
        raise ConfigError(
            f"trainer.fine_tune.unfreeze: the backbone has no layer {what!r}",
            remedy=f"{nearest(what, names)}; `podium recipes show` lists all layers",
        )

    def train(self, mode: bool = True) -> TransferNet:
        """Switch to training; of the backbone only trained BatchNorm layers, the others must not follow new images."""
        super().train(mode)
        self.backbone.eval()
        for layer in self.backbone.modules() if mode else ():
            if hasattr(layer, "attention_bias_cache"):  # in evaluation, TinyViT keeps what would go stale in training
                layer.training = True
                layer.__dict__["attention_bias_cache"] = {}
        for _, layer in self.layers()[self.frozen :]:
            if isinstance(layer, _BatchNorm):
                layer.training = mode and not self.freeze_norm
        return self

    def depth(self, name: str) -> int:
        """How many groups of layers stand above a parameter, the head counted as one; 0 for the head's."""
        group = self.groups.get(name.removeprefix("backbone.")) if name.startswith("backbone.") else None
        return 0 if group is None else max(self.groups.values()) + 1 - group


def network(options: TransferOptions, contract: InputContract) -> TransferNet:
    """Our ResNet under a head for the contract's classes, the whole backbone frozen; any image size."""
    body = backbone(options)
    pool = nn.Identity() if options.convolutions else GlobalAveragePool()
    classifier = head(options, options.width * 4, len(contract.class_names), pooled=not options.convolutions)
    groups = {name: int(name.split(".", 1)[0]) for name, _ in body.named_parameters()}
    return TransferNet(nn.Identity(), body, pool, classifier, groups=groups)


FAMILY = Family(TransferOptions, network, kaiming_normal, pretrained=lambda options: str(options.weights))
