"""Look closer at trained candidates than figures do; on validation, as the test split is not opened for this."""

from typing import Annotated

from podium.bundle import Bundle
from podium.code import code_digest
from podium.data import open_dataset
from podium.evaluation.evaluate import Evaluation
from podium.evaluation.examine import Examination
from podium.evaluation.examine import examine as examine_model
from podium.orchestration.caching import depends_on_code
from podium.orchestration.materializers import ExaminationMaterializer
from podium.orchestration.step import step
from podium.results import DataReference
from podium.settings import Settings

SPLITS = ("train", "validation")


def code() -> str:
    """The version of what this step calls."""
    return code_digest("podium.evaluation.examine")


@step(cache_policy=depends_on_code(code), output_materializers=ExaminationMaterializer)
def examine(
    model: Bundle, data: DataReference, validation: Evaluation, seed: int
) -> Annotated[Examination, "examination"]:
    """Slices, corruptions, saliency, cost, and the gap to the training images."""
    dataset = open_dataset(Settings.from_environment().root / data.path, SPLITS)
    return examine_model(model, dataset, "validation", evaluation=validation, seed=seed)
