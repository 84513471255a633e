"""A trained network applied to images, in batches."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from podium.bundle import Bundle
from podium.contract import InputContract
from podium.errors import RegistryError
from podium.models import skeleton
from podium.training.feed import Feed
from podium.training.inputs import Normalizer, check_images
from podium.training.ranks import Ranks


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
    batch_size: int = 256,
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


def assess(
    net: nn.Module,
    feed: Feed,
    normalize: Normalizer,
    classes: int,
    batch_size: int = 256,
    *,
    ranks: Ranks | None = None,
) -> tuple[float, float, Tensor]:
    """Loss (nats), accuracy and confusion matrix (int64 C×C, rows true) of a network on a split on its device.

    The network is put into evaluation mode and left in it. Of several processes, each takes its part; all get the
    figures of the whole split.
    """
    ranks = ranks or Ranks()
    net.eval()
    loss = torch.zeros((), dtype=torch.float64, device=feed.device)
    confusion = torch.zeros(classes * classes, dtype=torch.int64, device=feed.device)
    with torch.inference_mode():
        for _, images, truth in feed.in_order(batch_size, ranks.part(len(feed))):
            if not len(truth):
                continue  # more processes than images
            logits = net(normalize(images)).float()
            loss += functional.cross_entropy(logits, truth, reduction="sum")
            confusion.index_add_(0, truth * classes + logits.argmax(1), torch.ones_like(truth))
    ranks.total(loss, confusion)
    matrix = confusion.reshape(classes, classes).cpu()
    return float(loss) / len(feed), int(matrix.diagonal().sum()) / len(feed), matrix
