"""What a network sees in images: the input of its last layer, as vectors for drift tests and neighbour searches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from podium.contract import InputContract
from podium.errors import RegistryError
from podium.models import EMBEDDED_WEIGHTS, WeightsStore
from podium.models.resnet import BackboneOptions, backbone
from podium.training.inputs import Normalizer, check_images


class PooledBackbone(nn.Module):
    """A pretrained backbone with global average pooling: normalized N×3×H×W → N×F."""

    def __init__(self, options: BackboneOptions) -> None:
        super().__init__()
        self.backbone = backbone(options)

    def forward(self, x: Tensor) -> Tensor:
        """One value a channel of the last layer."""
        pooled: Tensor = self.backbone(x).mean(dim=(2, 3))
        return pooled


def penultimate_features(
    net: nn.Module, images: NDArray[np.uint8], contract: InputContract, *, batch_size: int = 256
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The input of the network's last dense layer, its classifier, and what that makes of it.

    Args:
        net: In evaluation mode, as ``build_from_bundle`` gives it.
        images: uint8 N×H×W×3 of the contract's size.
        contract: That of the network's bundle.
        batch_size: Images a forward pass.

    Returns:
        Features, float32 N×F, where F is the width of that layer's input, and logits, float32 N×C.

    Raises:
        DataError: The images break the contract.
        RegistryError: The network has no dense layer.
    """
    check_images(images, contract)
    dense = [module for module in net.modules() if isinstance(module, nn.Linear)]
    if not dense:
        raise RegistryError(
            f"{type(net).__name__}: has no dense layer whose input could serve as features",
            remedy="use a network that ends with a dense classifier",
        )
    caught: list[Tensor] = []
    handle = dense[-1].register_forward_pre_hook(lambda _module, inputs: caught.append(inputs[0]))
    features = np.empty((len(images), dense[-1].in_features), np.float32)
    logits = np.empty((len(images), len(contract.class_names)), np.float32)
    try:
        for start, batch in _batches(net, images, contract, batch_size):
            caught.clear()
            with torch.inference_mode():
                logits[start : start + batch_size] = net(batch).float().cpu().numpy()
            features[start : start + batch_size] = caught[0].float().cpu().numpy()
    finally:
        handle.remove()
    return features, logits


def pretrained_backbone(name: str, weights: WeightsStore = EMBEDDED_WEIGHTS) -> tuple[PooledBackbone, InputContract]:
    """A pretrained backbone as a feature extractor, with the input contract that its provenance gives.

    Args:
        name: Of the weights.
        weights: Where they are looked for.

    Returns:
        A network for ``pooled_features``; the contract's class names are no classes of the network.

    Raises:
        WeightsError: The weights are missing, damaged or of another structure.
    """
    loaded = weights.load(name)
    given = loaded.provenance.settings.get("recipe", {}).get("model", {}).get("options", {})
    options = BackboneOptions.model_validate({key: given[key] for key in ("depth", "width") if key in given})
    net = PooledBackbone(options)
    loaded.into(net.backbone)
    height, width = loaded.provenance.input_size
    contract = InputContract(
        height=height,
        width=width,
        mean=loaded.provenance.mean,
        std=loaded.provenance.std,
        class_names=("none", "of these"),
        trained_range=loaded.provenance.trained_range,
    )
    return net.to(memory_format=torch.channels_last).eval().requires_grad_(False), contract


def pooled_features(
    net: PooledBackbone, images: NDArray[np.uint8], contract: InputContract, *, batch_size: int = 256
) -> NDArray[np.float32]:
    """Apply a backbone of ``pretrained_backbone``: float32 N×F. Raises DataError if the images break the contract."""
    check_images(images, contract)
    blocks = []
    for _, batch in _batches(net, images, contract, batch_size):
        with torch.inference_mode():
            blocks.append(net(batch).float().cpu().numpy())
    return np.concatenate(blocks)


def _batches(
    net: nn.Module, images: NDArray[np.uint8], contract: InputContract, batch_size: int
) -> Iterator[tuple[int, Tensor]]:
    device = next(net.parameters()).device
    normalize = Normalizer.of(contract, device)
    for start in range(0, len(images), batch_size):
        yield start, normalize(torch.from_numpy(np.array(images[start : start + batch_size])).to(device))
