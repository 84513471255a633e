"""A module exported to ONNX by another process, and a session that runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from podium.training import onnx_export
from podium.training.feature_pass import Asked
from podium.training.stopping import POLL, Stop

Pass = Callable[[Tensor], Tensor]

_PATIENCE: Final = 600.0
"""Seconds that an export may take before it counts as failed. densenet121 was seen to take 15."""
_SAID: Final = "said.txt"
"""In the folder: what the export says of its errors."""
_SILENT: Final = {"ORT_DISABLE_TELEMETRY": "1"}
"""Since 1.29 ONNX Runtime tells Microsoft what it runs, by default, and numbers the device in a file of the user's."""


def export(part: nn.Module, sample: Tensor, folder: Path, threads: int, stop: Stop) -> str | None:
    """Export a module to ``onnx_export.MADE`` in a folder, with a free first axis.

    Args:
        part: In evaluation mode, on the CPU; pickle has to know its classes.
        sample: An example of its input.
        folder: Existing; also gets what the other process is given.
        threads: That the other process may use.
        stop: Asked meanwhile.

    Returns:
        Why it could not be exported; None if it was.

    Raises:
        Asked: As ``stop`` said.
    """
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
        return told(error)
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


def opened(file: Path, threads: int) -> Pass:
    """A session on the CPU for a file with one input and one output. ONNX Runtime's errors have nothing in common."""
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


def told(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no reason is given'])[0]}"
