"""A frozen network's pass over many images in ONNX Runtime: on the CPU it is faster there than in PyTorch.

ONNX Runtime folds normalization into convolutions, joins them with what follows and lays values out in blocks.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from podium.models.flops import flops
from podium.training import onnx_export
from podium.training.feature_pass import Asked
from podium.training.stopping import POLL, Stop

log = logging.getLogger(__name__)

LEAST_WORK: Final = 2e12
"""FLOPs of a pass for each of its threads, below which nothing is exported.

An export has paid for itself after 0.5e12 (mobilenetv2_100, efficientnet_b0), 1.4e12 (resnet20) and 3e12 (resnet50,
densenet121): `benchmarks/frozen_pass.py`, two threads.
"""
TOLERANCE: Final = 1e-4
"""Of the greatest output: how far another output may be off. Networks were seen to differ by 3e-7 to 1.3e-5."""
_PATIENCE: Final = 600.0
"""Seconds that an export may take before it counts as failed. densenet121 was seen to take 15."""

_SAID: Final = "said.txt"
"""In the folder: what the export says of its errors."""
_SILENT: Final = {"ORT_DISABLE_TELEMETRY": "1"}
"""Since 1.29 ONNX Runtime tells Microsoft what it runs, by default, and numbers the device in a file of the user's."""

Pass = Callable[[Tensor], Tensor]


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
        reason = _export(part, sample, Path(folder), threads, stop)
        if reason is None:
            try:
                there = _opened(Path(folder) / onnx_export.MADE, threads)
                off = max(_difference(part, there, batch) for batch in (sample, sample[:1]))
            except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have nothing in common
                reason = _told(error)
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
                log.warning("%s goes on in PyTorch: ONNX Runtime failed: %s", type(part).__name__, _told(error))
                failed = True
        result: Tensor = part(images)
        return result

    return run


def _export(part: nn.Module, sample: Tensor, folder: Path, threads: int, stop: Stop) -> str | None:
    """Why the network could not be exported; None if it was. Raises Asked."""
    two = torch.cat((sample, sample))[:2].contiguous()  # a batch of one would be taken for a constant
    try:
        torch.save((part, two), folder / onnx_export.GIVEN)
        with (folder / _SAID).open("w") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", onnx_export.__name__, str(folder)],
                env={
                    **os.environ,
                    **_SILENT,
                    "CUDA_VISIBLE_DEVICES": "",
                    "OMP_NUM_THREADS": str(threads),
                    "PYTHONPATH": os.pathsep.join(sys.path),  # the network's classes may lie anywhere
                },
                stdin=subprocess.PIPE,  # ends with this process, and the export with it
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,  # Ctrl-C in the terminal is for this process to heed
            )
    except Exception as error:  # noqa: BLE001 - whatever a class raises that is to be pickled; a full disk
        return _told(error)
    try:
        _wait(process, stop)
    except subprocess.TimeoutExpired:
        return f"its export took longer than {_PATIENCE:.0f} seconds"
    finally:
        process.kill()
        process.communicate()
    if process.returncode:
        lines = (folder / _SAID).read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"its export ended with status {process.returncode}"
    return None


def _wait(process: subprocess.Popen[bytes], stop: Stop) -> None:
    """Until the process has ended. Raises Asked and TimeoutExpired."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            process.wait(POLL)
        except subprocess.TimeoutExpired:
            if time.monotonic() > until:
                raise
        else:
            return
        if stop():
            raise Asked


def _opened(file: Path, threads: int) -> Pass:
    os.environ.update(_SILENT)  # read once, by the import
    import onnxruntime  # takes a while, which most runs need not spend

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is fatal; errors are raised
    # Threads that wait in a loop would take the cores from other candidates, and from augmentation.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()

    def run(images: Tensor) -> Tensor:
        (values,) = session.run(None, {given.name: images.contiguous().numpy()})
        return torch.from_numpy(values)

    return run


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no reason is given'])[0]}"


def _difference(part: nn.Module, other: Pass, images: Tensor) -> float:
    """The greatest difference between outputs, as a share of the greatest one. Raises RuntimeError: other shapes."""
    with torch.inference_mode():
        wanted, got = part(images), other(images)
        if wanted.shape != got.shape:
            raise RuntimeError(f"gives {tuple(got.shape)} in place of {tuple(wanted.shape)}")
        return float((wanted - got).abs().max() / wanted.abs().max().clamp(min=1e-30))
