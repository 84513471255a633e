"""The MLflow model around a bundle: "models from code", without pickle. Runs from the package's own archive, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext
from numpy.typing import NDArray

from podium.bundle import Bundle
from podium.errors import DataError
from podium.registry.package import ARTIFACT
from podium.training import build_from_bundle, predict_probabilities


class PodiumModel(PythonModel):
    """Classifies uint8 N×H×W×3 images of the contract's size.

    Gives one row an image: ``class`` (name), ``probability`` of it, ``probabilities`` in the order of the class names
    (which stand in the model's metadata).
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Read the bundle that the MLflow model holds."""
        self._bundle = Bundle.load(Path(context.artifacts[ARTIFACT]))
        self._net = build_from_bundle(self._bundle)

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Classify a batch; without annotations, from which MLflow would derive a schema of its own.

        Raises DataError for another dtype or shape.
        """
        contract = self._bundle.contract
        images: NDArray[np.uint8] = np.asarray(model_input)
        if images.dtype != np.uint8 or images.shape[1:] != (contract.height, contract.width, 3):
            raise DataError(
                f"images are {images.dtype} of shape {images.shape}",
                remedy=f"give uint8 RGB of shape N×{contract.height}×{contract.width}×3",
            )
        probabilities = predict_probabilities(self._net, images, contract)
        best = probabilities.argmax(axis=1)
        return pd.DataFrame(
            {
                "class": [contract.class_names[i] for i in best],
                "probability": probabilities[np.arange(len(best)), best],
                "probabilities": list(probabilities),
            }
        )
