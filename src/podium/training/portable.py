"""A trained network as ONNX: images in, probabilities out, so that any runtime gives what Podium predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from podium.bundle import Bundle
from podium.contract import InputContract
from podium.training import onnx_export
from podium.training.inputs import Normalizer
from podium.training.onnx_session import export, opened, told
from podium.training.predict import build_from_bundle

TOLERANCE: Final = 1e-4
"""Largest difference of a probability."""


class Classifier(nn.Module):
    """The whole of a prediction: uint8 N×H×W×3 of the contract's size → float32 N×C, rows summing to 1."""

    scale: Tensor
    bias: Tensor

    def __init__(self, net: nn.Module, contract: InputContract) -> None:
        super().__init__()
        self.net = net
        constants = Normalizer.of(contract, torch.device("cpu"))
        self.register_buffer("scale", constants.scale)
        self.register_buffer("bias", constants.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Normalize, compute, softmax."""
        logits: Tensor = self.net(Normalizer(self.scale, self.bias)(images))
        return logits.softmax(1)


def write_onnx(bundle: Bundle, examples: NDArray[np.uint8], folder: Path, *, threads: int = 1) -> str | None:
    """Export a bundle's network to ``model.onnx`` (and its weights beside it) in an existing folder, and try it there.

    Args:
        bundle: The trained network.
        examples: uint8 N×H×W×3, N ≥ 1: probabilities are compared on them.
        folder: What the export leaves there on failure is of no use.
        threads: That the export may use.

    Returns:
        Why there is no file that predicts the same to within ``TOLERANCE``; None if there is.
    """
    whole = Classifier(build_from_bundle(bundle), bundle.contract).eval()
    images = torch.from_numpy(np.array(examples))
    reason = export(whole, images, folder, threads, _never)
    for name in (onnx_export.GIVEN, "said.txt"):
        (folder / name).unlink(missing_ok=True)
    if reason is not None:
        return reason
    with torch.inference_mode():
        wanted = whole(images)
    try:
        found = opened(folder / onnx_export.MADE, threads)(images)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have nothing in common
        return told(error)
    off = float((wanted - found).abs().max()) if wanted.shape == found.shape else float("inf")
    return None if off <= TOLERANCE else f"in ONNX Runtime its probabilities differ by up to {off:.1e}"


def _never() -> bool:
    return False
