"""The steps of a sweep: open train and validation, run one trial, put the trials side by side."""

from typing import Annotated

from zenml import get_step_context

from podium.code import code_digest
from podium.config.sweep import SweepConfig
from podium.data import open_dataset
from podium.data.policy import open_configured
from podium.models.contracts import contract_for
from podium.models.places import weights_store
from podium.orchestration.caching import depends_on_code
from podium.orchestration.step import step
from podium.orchestration.sweep import assemble
from podium.orchestration.trial import run_trial
from podium.results import DataReference
from podium.settings import Settings
from podium.sweeps.results import SweepResult, TrialPlan, TrialResult
from steps.train import code as training_code

SPLITS = ("train", "validation")
"""All that a sweep opens: the test split is for the run that the best trial competes in."""


def code() -> str:
    """The version of what ``trial`` calls."""
    return code_digest("podium.training", "podium.models.contracts", "podium.sweeps.pruning")


@step(enable_cache=False)
def load_for_sweep(config: SweepConfig) -> Annotated[DataReference, "data"]:
    """Verify the data set's size and policy, and the digests of train and validation."""
    dataset = open_configured(config, Settings.from_environment().root, only=SPLITS)
    dataset.verify()
    return DataReference(name=dataset.manifest.name, path=str(config.data.path), digest=dataset.manifest.digest)


@step(cache_policy=depends_on_code(code))
def trial(data: DataReference, plan: TrialPlan, backbone: str | None) -> Annotated[TrialResult, "trial"]:
    """Train and score one trial; a killed one goes on. ``backbone``: as in the step ``train``."""
    settings = Settings.from_environment()
    dataset = open_dataset(settings.root / data.path, SPLITS)
    contract = contract_for(plan.candidate, dataset.manifest, weights_store(settings))
    run = get_step_context().pipeline_run.name
    return run_trial(plan, dataset, contract, settings=settings, run=run, code=training_code())


@step(enable_cache=False)
def rank(
    config: SweepConfig, data: DataReference, trials: list[TrialResult], failures: list[TrialResult]
) -> Annotated[SweepResult, "sweep"]:
    """The sweep's result; ``failures`` are those whose step failed."""
    return assemble(config, data, [*trials, *failures], get_step_context().pipeline_run.name)
