"""Builds a bundle's MLflow model directory, and checks that it predicts what the bundle predicted."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import podium
from podium.bundle_files import HISTORY, META, ROWS, TRAINED_ROWS, WEIGHTS
from podium.digest import digest_file, digest_json
from podium.errors import RegistryError
from podium.registry.shipped import LOADER, requirements, write_sources

BUNDLE_PATH: Final = "artifacts/bundle"
"""Where the bundle lies inside the MLflow model directory."""
ONNX_PATH: Final = "artifacts/onnx"
"""Where ``model.onnx`` lies, if there is one: uint8 N×H×W×3 → probabilities N×C."""
ARTIFACT: Final = "bundle"
"""MLflow's name of the bundle among the model's artifacts."""
SOURCES_PATH: Final = "artifacts/podium.zip"
"""The modules of Podium that load the bundle, for environments without Podium."""
_CODE: Final = f'''"""Loaded by MLflow; the installed Podium runs the bundle, else the one in the archive."""

import sys
from importlib.util import find_spec
from pathlib import Path

from mlflow.models import set_model

if find_spec("podium") is None:
    sys.path.append(str(Path(__file__).resolve().parent / "{SOURCES_PATH}"))

from {LOADER} import PodiumModel  # noqa: E402

set_model(PodiumModel())
'''
"""The code file of each logged model."""
_TOLERANCE: Final = 1e-4
"""Largest difference of a probability: batches of another size sum in another order."""


def build_package(bundle: Path, target: Path, examples: NDArray[np.uint8], *, onnx: Path | None = None) -> None:
    """Write the MLflow model directory ``target`` (must not exist): bundle, code, signature, example, requirements.

    Args:
        bundle: Folder of a saved bundle.
        target: The directory to make.
        examples: Validation images, uint8 N×H×W×3; the first becomes the input example.
        onnx: Folder of the same network as ONNX (``podium.training.portable``), to be kept in :data:`ONNX_PATH`.
    """
    import mlflow
    from mlflow.models.signature import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Schema, TensorSpec

    from podium.bundle import Bundle  # brings torch, which looking at versions does not need
    from podium.training import build_from_bundle

    loaded = Bundle.load(bundle)
    contract = loaded.contract
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, contract.height, contract.width, 3))]),
        outputs=Schema(
            [
                ColSpec(DataType.string, "class"),
                ColSpec(DataType.float, "probability"),
                ColSpec(Array(DataType.float), "probabilities"),
            ]
        ),
    )
    source = target.with_name(f"{target.name}.source")
    (source / "bundle").mkdir(parents=True)
    for name in _files(bundle):
        shutil.copyfile(bundle / name, source / "bundle" / name)
    code = source / "model.py"
    code.write_text(_CODE)
    write_sources(source / Path(SOURCES_PATH).name)
    with _quiet():
        mlflow.pyfunc.save_model(
            path=target,
            python_model=str(code),
            artifacts={ARTIFACT: str(source / "bundle"), "podium": str(source / Path(SOURCES_PATH).name)}
            | ({"onnx": str(onnx)} if onnx else {}),
            signature=signature,
            input_example=np.asarray(examples[:1]),
            pip_requirements=requirements(build_from_bundle(loaded)),
            metadata={"podium_version": podium.__version__, "class_names": list(contract.class_names)},
        )
    shutil.rmtree(source)


def check_predictions(package: Path, examples: NDArray[np.uint8], expected: NDArray[np.float32]) -> None:
    """Load a model directory as MLflow does and compare its predictions.

    Args:
        package: An MLflow model directory.
        examples: uint8 N×H×W×3.
        expected: Probabilities, float32 N×C.

    Raises:
        RegistryError: A probability differs by more than 1e-4.
    """
    import mlflow

    with _quiet():
        model = mlflow.pyfunc.load_model(str(package))
        found = np.stack(model.predict(np.asarray(examples))["probabilities"].to_list())
    difference = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
    if not difference <= _TOLERANCE:
        raise RegistryError(
            f"the packaged model does not predict what the trained one did: probabilities differ by {difference:.2g}"
            f" on {len(examples)} images (allowed: {_TOLERANCE:g})",
            remedy="train again; if it persists, the bundle does not hold all that the network needs",
        )


def bundle_digest(bundle: Path) -> str:
    """The digest of a bundle's files; equal to ``digest_directory`` of :data:`BUNDLE_PATH` in its package."""
    return digest_json({name: digest_file(bundle / name) for name in _files(bundle)})


def _files(bundle: Path) -> tuple[str, ...]:
    return WEIGHTS, META, HISTORY, *(name for name in (ROWS, TRAINED_ROWS) if (bundle / name).exists())


def reference_predictions(bundle: Path, examples: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The probabilities (float32 N×C) that a bundle gives without MLflow."""
    from podium.bundle import Bundle
    from podium.training import build_from_bundle, predict_probabilities

    loaded = Bundle.load(bundle)
    return predict_probabilities(build_from_bundle(loaded), np.asarray(examples), loaded.contract)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's hints (type annotations, missing uv projects) out of the user's output."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(record=True):  # MLflow resets the filters while it loads
            yield
    finally:
        logger.setLevel(level)
