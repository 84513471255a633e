"""Measure trained candidates: on validation for the selection, on test once the selection is fixed."""

from typing import Annotated

from podium.bundle import Bundle
from podium.code import code_digest
from podium.data import open_dataset
from podium.evaluation.evaluate import Evaluation, evaluate
from podium.orchestration.caching import depends_on_code
from podium.orchestration.materializers import EvaluationMaterializer
from podium.orchestration.step import step
from podium.results import DataReference
from podium.settings import Settings


def code() -> str:
    """The version of what this step calls."""
    return code_digest("podium.evaluation.evaluate")


@step(cache_policy=depends_on_code(code), output_materializers=EvaluationMaterializer)
def evaluate_validation(model: Bundle, data: DataReference) -> Annotated[Evaluation, "validation"]:
    """Figures that the selection is made on."""
    return evaluate(model, open_dataset(Settings.from_environment().root / data.path), "validation")
