"""Choose the winner on validation figures, and put all candidates side by side."""

from typing import Annotated

from zenml import get_step_context

from podium.bundle import Bundle
from podium.code import code_digest
from podium.config import RunConfig
from podium.evaluation.compare import build_leaderboard, select
from podium.evaluation.evaluate import Evaluation
from podium.evaluation.examine import Examination
from podium.orchestration.caching import depends_on_code
from podium.orchestration.step import step
from podium.results import DataReference, Failure, Leaderboard, Selection


def code() -> str:
    """The version of what these steps call."""
    return code_digest("podium.evaluation.compare")


@step(cache_policy=depends_on_code(code))
def select_best(validation: list[Evaluation], metric: str) -> Annotated[Selection, "selection"]:
    """Fix the selection; only after this may the test split be opened."""
    return select([evaluation.metrics for evaluation in validation], metric)


@step(cache_policy=depends_on_code(code))
def compare(
    config: RunConfig,
    data: DataReference,
    selection: Selection,
    models: list[Bundle],
    validation: list[Evaluation],
    test: list[Evaluation],
    failures: dict[str, Failure],
    examined: list[Examination],
) -> Annotated[Leaderboard, "leaderboard"]:
    """Build the leaderboard; ``run`` is the run in which these figures were made first."""
    return build_leaderboard(
        run=get_step_context().pipeline_run.name,
        config_name=config.name,
        model=config.registry.model,
        data=data,
        selection=selection,
        summaries={model.candidate.name: model.summary for model in models},
        validation={evaluation.metrics.candidate: evaluation.metrics for evaluation in validation},
        test={evaluation.metrics.candidate: evaluation.metrics for evaluation in test},
        failures=failures,
        costs={one.findings.candidate: one.findings.cost for one in examined},
        seeded=config.seeded,
    )
