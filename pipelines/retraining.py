"""Train again when there is something new, and ask for a decision."""

from pipelines.training import STEPS, train_and_judge
from podium.config.retraining import RetrainingConfig
from podium.models.recipes import resolve_candidates
from podium.orchestration.pipeline import strict_pipeline
from podium.orchestration.retraining import conclude, from_champion, retraining, run_of, with_champions
from podium.orchestration.strict import check_retraining_file
from podium.settings import Settings
from steps.examine import examine
from steps.train import train


@strict_pipeline(
    name="retraining",
    depends_on=STEPS,
    check=check_retraining_file,
    example="configs/retraining.yaml",
    placed=(train, examine),
    look="podium.retraining.look",
)
def retraining_pipeline(config: RetrainingConfig) -> None:
    """Look first; where nothing has changed, end without a step.

    Args:
        config: The retraining; ``parameters.config`` of the YAML file.

    Raises:
        DataError: The recorded data version cannot be fetched.
        ConfigError: A recipe or the promotion policy is refused.
        TrainingFailed: Every candidate failed.
    """
    settings = Settings.from_environment()
    with retraining(settings, config) as found:
        if found is None:
            return
        run = run_of(config)
        candidates = with_champions(config, list(resolve_candidates(run, settings.recipes)), settings)
        candidates = from_champion(config, candidates, settings)
        found.result = conclude(settings, train_and_judge(run, candidates, settings, blocked_too=False))
