"""``python -m podium.training.onnx_export FOLDER``: export the module that ``onnx_pass`` left there to ONNX.

In a process of its own, since PyTorch's exporter sets flags of the whole process: networks that were compiled, and are
trained in other threads meanwhile, failed. What it prints and warns of goes no further either.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Final

import torch

GIVEN: Final = "part.pt"
"""In the folder: the pickled module and an example of its input."""
MADE: Final = "model.onnx"


def main(folder: Path) -> None:
    """Export the module; the first axis of its input becomes free. Whatever the exporter raises ends the process.

    Args:
        folder: Holds ``GIVEN``; gets ``MADE`` and its weights, in a file beside it as more than 2 GB need.
    """
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    # A pickle, but of the process that started this one.
    part, example = torch.load(folder / GIVEN, weights_only=False)
    try:
        program = torch.onnx.export(
            part, (example,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), dynamo=True, verbose=False
        )
        assert program is not None  # with `dynamo`
        program.save(folder / MADE, external_data=True)
    except Exception as error:  # noqa: BLE001 - exporter, tracer and decompositions each have errors of their own
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = (str(cause).strip().splitlines() or ["no reason is given"])[0]
        sys.exit(f"{type(cause).__name__}: {reason}")


def _end_with_parent(folder: Path) -> None:
    """Leave nothing behind when the process that asked was killed: its end of standard input is closed then."""
    while os.read(0, 1):  # sys.stdin's lock would be missed when the process ends
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
