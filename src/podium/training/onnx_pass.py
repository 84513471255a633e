"""A frozen network's pass over many images in ONNX Runtime: on the CPU it is faster there than in PyTorch.

ONNX Runtime folds normalization into convolutions, joins them with what follows and lays values out in blocks.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from podium.models.flops import flops
from podium.training import onnx_export
from podium.training.onnx_session import Pass, export, opened, told
from podium.training.stopping import Stop

log = logging.getLogger(__name__)

LEAST_WORK: Final = 2e12
"""FLOPs of a pass for each of its threads, below which nothing is exported.

An export has paid for itself after 0.5e12 (mobilenetv2_100, efficientnet_b0), 1.4e12 (resnet20) and 3e12 (resnet50,
densenet121): `benchmarks/frozen_pass.py`, two threads.
"""
TOLERANCE: Final = 1e-4
"""Of the greatest output: how far another output may be off. Networks were seen to differ by 3e-7 to 1.3e-5."""


def onnx_pass(part: nn.Module, sample: Tensor, images: int, *, threads: int, stop: Stop) -> Pass | None:
    """A network in ONNX Runtime, in float32, where that pays: by the work alone, so that it is the same in each run.

    The network itself, its flags and torch's state are left as they are. May be called in several threads.

    Args:
        part: In evaluation mode, on the CPU; maps its input to one tensor, image by image. Exported in another process,
            so pickle has to know its classes.
        sample: A batch of the pass's input, normalized float32 N×3×H×W: outputs are compared on it.
        images: That the pass is made of.
        threads: That the pass runs on.
        stop: Asked while the network is exported.

    Returns:
        float32 N×3×H×W of any N, in any layout → float32 N×…, as ``part`` itself gives to within ``TOLERANCE`` of its
        greatest output; from an error of ONNX Runtime on ``part`` itself. None where the pass has too little work, or
        the network cannot be exported, or gives something else there. All but the work is told in the log.

    Raises:
        Asked: As ``stop`` said.
    """
    if images * flops(part, sample[:1]) < LEAST_WORK * threads:
        return None
    name = type(part).__name__
    with tempfile.TemporaryDirectory(prefix="podium-onnx-") as folder:
        reason = export(part, sample, Path(folder), threads, stop)
        if reason is None:
            try:
                there = opened(Path(folder) / onnx_export.MADE, threads)
                off = max(_difference(part, there, batch) for batch in (sample, sample[:1]))
            except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have nothing in common
                reason = told(error)
    if reason is not None:
        log.info("%s runs in PyTorch, since it cannot in ONNX Runtime: %s", name, reason)
        return None
    if not off <= TOLERANCE:  # NaN is no agreement
        log.warning("%s runs in PyTorch: in ONNX Runtime its outputs differ by %.1e of the greatest one", name, off)
        return None
    return _guarded(part, there)


def _guarded(part: nn.Module, there: Pass) -> Pass:
    """``there``, until it fails: hours of a pass are not lost for memory that ran short once."""
    failed = False

    def run(images: Tensor) -> Tensor:
        nonlocal failed
        if not failed:
            try:
                return there(images)
            except Exception as error:  # noqa: BLE001 - as above
                log.warning("%s goes on in PyTorch: ONNX Runtime failed: %s", type(part).__name__, told(error))
                failed = True
        result: Tensor = part(images)
        return result

    return run


def _difference(part: nn.Module, other: Pass, images: Tensor) -> float:
    """The greatest difference between outputs, as a share of the greatest one. Raises RuntimeError: other shapes."""
    with torch.inference_mode():
        wanted, got = part(images), other(images)
        if wanted.shape != got.shape:
            raise RuntimeError(f"gives {tuple(got.shape)} in place of {tuple(wanted.shape)}")
        return float((wanted - got).abs().max() / wanted.abs().max().clamp(min=1e-30))
