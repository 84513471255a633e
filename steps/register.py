"""Register the winner in the model registry as the challenger, or leave it."""

from typing import Annotated

from zenml.types import HTMLString

from podium.bundle import Bundle
from podium.config import RunConfig
from podium.data import open_dataset
from podium.evaluation.evaluate import Evaluation
from podium.gate.result import Incumbent
from podium.orchestration.registration import keep_page, register_winner
from podium.orchestration.step import step
from podium.registry.ledger import Use
from podium.registry.request import RegisteredVersion
from podium.results import Leaderboard
from podium.settings import Settings
from podium.validation import ValidationReport
from steps.train import code as training_code


@step(enable_cache=False)
def register(
    config: RunConfig,
    winner: Bundle,
    leaderboard: Leaderboard,
    validation: list[Evaluation],
    test: list[Evaluation],
    checks: ValidationReport,
    report: HTMLString,
    checks_page: HTMLString,
    incumbent: Incumbent,
    use: Use,
) -> Annotated[RegisteredVersion, "version"]:
    """Always runs and finds what is already there: the registry may have changed since the last run."""
    settings = Settings.from_environment()
    dataset = open_dataset(settings.root / leaderboard.data.path)
    version = register_winner(
        settings, config, dataset, winner, leaderboard, validation, test, checks,
        report=report, code=training_code(), itself=incumbent if use.use is None else None,
    )  # fmt: skip
    keep_page(settings, leaderboard, version.version, report, checks_page)
    return version


@step(enable_cache=False)
def set_aside(leaderboard: Leaderboard, report: HTMLString, checks_page: HTMLString) -> None:
    """Register nothing: the gate blocks the winner. The run's pages are kept."""
    keep_page(Settings.from_environment(), leaderboard, None, report, checks_page)
