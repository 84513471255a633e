"""Search a recipe's typed fields: rounds of parallel trials, selected on validation alone."""

from podium.config.sweep import SweepConfig
from podium.orchestration.outcome import say
from podium.orchestration.pipeline import strict_pipeline
from podium.orchestration.strict import check_sweep_file
from podium.orchestration.sweep import Rounds, finish
from podium.settings import Settings
from podium.sweeps.space import open_space
from podium.wording import plural
from steps.sweep import load_for_sweep, rank, trial
from steps.train import code as training_code

STEPS = (load_for_sweep, trial, rank)


@strict_pipeline(name="sweep", depends_on=STEPS, check=check_sweep_file, example="configs/sweep.yaml", placed=(trial,))
def sweep_pipeline(config: SweepConfig) -> None:
    """Suggest, train and prune trials of one recipe; the test split is not opened.

    Args:
        config: The sweep; ``parameters.config`` of the YAML file.

    Raises:
        ConfigError: The space does not fit the recipe, or another sweep of this name is recorded.
        TrainingFailed: No trial was completed.
    """
    settings = Settings.from_environment()
    space = open_space(config, settings.recipes)
    data = load_for_sweep(config)
    rounds = Rounds(config, space, data.load(), settings, training_code())
    threads = plural(rounds.threads, "CPU thread")
    say(f"{plural(config.trials, 'trial')}, {config.parallel} at a time, {threads} each, validation only")
    for plans in rounds.plans():
        rounds.run(
            plans,
            lambda plan, backbone: trial.submit(data, plan, backbone, id=f"trial_{plan.number:03}"),
        )
    finish(settings, rank(config, data, rounds.artifacts, rounds.lost).load())
