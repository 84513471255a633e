"""A trained network applied to images, in batches."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from podium.bundle import Bundle
from podium.contract import InputContract
from podium.errors import RegistryError
from podium.models import skeleton
from podium.training.inputs import Normalizer, check_images


def build_from_bundle(bundle: Bundle) -> nn.Module:
    """Rebuild a bundle's network in evaluation mode, on the CPU. Needs no pretrained weights beside the bundle.

    Raises:
        RegistryError: The bundle's weights do not fit its recipe.
    """
    net = skeleton(bundle.candidate.recipe.model, bundle.contract)
    try:
        net.load_state_dict(bundle.state, strict=True, assign=True)
    except RuntimeError as error:
        raise RegistryError(
            f"the weights of {bundle.candidate.name!r} do not fit its recipe: {error}",
            remedy="fetch the model version again",
        ) from None
    return net.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def predict_probabilities(
    net: nn.Module,
    images: NDArray[np.uint8],
    contract: InputContract,
    *,
    batch_size: int = 64,
    device: torch.device | None = None,
) -> NDArray[np.float32]:
    """Classify images.

    Args:
        net: In evaluation mode, as ``build_from_bundle`` gives it.
        images: uint8 N×H×W×3 of the contract's size.
        contract: That of the network's bundle.
        batch_size: Images a forward pass.
        device: Where to compute; where ``net`` lies unless given.

    Returns:
        float32 N×C; each row sums to 1.

    Raises:
        DataError: The images break the contract.
    """
    check_images(images, contract)
    if device is not None:
        net = net.to(device)
    device = next(net.parameters()).device
    normalize = Normalizer.of(contract, device)
    probabilities = np.empty((len(images), len(contract.class_names)), np.float32)
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            batch = torch.from_numpy(np.array(images[start : start + batch_size])).to(device)
            probabilities[start : start + batch_size] = net(normalize(batch)).float().softmax(1).cpu().numpy()
    return probabilities
