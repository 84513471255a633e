"""Draw the run's page."""

from typing import Annotated

from zenml.types import HTMLString

from podium.bundle import Bundle
from podium.code import code_digest
from podium.config import RunConfig
from podium.data import open_dataset
from podium.evaluation.evaluate import Evaluation
from podium.evaluation.examine import Examination
from podium.orchestration.caching import depends_on_code
from podium.orchestration.page import draw_page
from podium.orchestration.step import step
from podium.results import DataReference, Leaderboard
from podium.settings import Settings
from podium.validation import ValidationReport


def code() -> str:
    """The version of what this step calls."""
    return code_digest("podium.report", "podium.orchestration.page")


@step(cache_policy=depends_on_code(code))
def render(
    config: RunConfig,
    data: DataReference,
    leaderboard: Leaderboard,
    models: list[Bundle],
    validation: list[Evaluation],
    test: list[Evaluation],
    checks: ValidationReport,
    examined: list[Examination],
    unexamined: dict[str, str],
) -> Annotated[HTMLString, "report"]:
    """One self-contained HTML file, shown in ZenML's dashboard and kept with the model version."""
    settings = Settings.from_environment()
    dataset = open_dataset(settings.root / data.path)
    results = (models, validation, test, checks, examined)
    return HTMLString(draw_page(settings, config, dataset, leaderboard, *results, unexamined=unexamined))
