"""The gate: the only place where the test split is opened, for one decision that a ledger counts."""

from typing import Annotated

from podium.bundle import Bundle
from podium.code import code_digest
from podium.config import RunConfig
from podium.config.promotion import PromotionPolicy
from podium.data import open_dataset
from podium.evaluation.evaluate import Evaluation, evaluate
from podium.gate.result import GateResult, Incumbent
from podium.orchestration.caching import depends_on_code
from podium.orchestration.gating import decide, evaluate_incumbent, open_test_split
from podium.orchestration.materializers import EvaluationMaterializer
from podium.orchestration.step import step
from podium.registry.ledger import Use
from podium.results import DataReference, Leaderboard, Selection
from podium.settings import Settings


def code() -> str:
    """The version of what these steps call."""
    return code_digest("podium.evaluation.evaluate", "podium.orchestration.gating")


@step(enable_cache=False)
def open_test(
    config: RunConfig, data: DataReference, selection: Selection, winner: Bundle
) -> tuple[Annotated[Incumbent, "incumbent"], Annotated[Use, "use"]]:
    """Find the champion in office and enter the decision in the ledger; needs the selection, which is fixed by now."""
    settings = Settings.from_environment()
    selection.values[winner.candidate.name]  # a KeyError here would mean a winner that the selection never saw
    incumbent, use = open_test_split(settings, config, open_dataset(settings.root / data.path), winner)
    return incumbent, use  # a literal pair: by that ZenML knows two outputs from one that is a tuple


@step(cache_policy=depends_on_code(code), output_materializers=EvaluationMaterializer)
def evaluate_test(model: Bundle, data: DataReference, selection: Selection) -> Annotated[Evaluation, "test"]:
    """Figures on the test split, of the winner or another seed of its recipe."""
    selection.values[model.candidate.name]
    return evaluate(model, open_dataset(Settings.from_environment().root / data.path), "test")


@step(cache_policy=depends_on_code(code), output_materializers=EvaluationMaterializer)
def evaluate_champion(
    config: RunConfig, data: DataReference, incumbent: Incumbent
) -> Annotated[Evaluation, "champion"]:
    """The champion's answers on the same test images."""
    settings = Settings.from_environment()
    return evaluate_incumbent(settings, config, open_dataset(settings.root / data.path), incumbent)


@step(cache_policy=depends_on_code(code))
def gate(
    config: RunConfig,
    policy: PromotionPolicy,
    data: DataReference,
    winner: Bundle,
    test: list[Evaluation],
    incumbent: Incumbent,
    champion: list[Evaluation],
    use: Use,
    leaderboard: Leaderboard,
) -> Annotated[GateResult, "gate"]:
    """Judge the winner by the policy; ``champion`` is empty where there is none to compare with."""
    settings = Settings.from_environment()
    dataset = open_dataset(settings.root / data.path)
    row = next(row for row in leaderboard.candidates if row.recipe == winner.candidate.name)
    return decide(settings, config, policy, dataset, winner, test, incumbent, next(iter(champion), None), use, row)
