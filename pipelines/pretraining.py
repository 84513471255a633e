"""Pretrain a backbone of our own on a labelled image set, for transfer recipes."""

from podium.config import RunConfig
from podium.models.recipes import resolve_candidates
from podium.orchestration.branches import gather, require_one, run_name
from podium.orchestration.outcome import say
from podium.orchestration.pipeline import strict_pipeline
from podium.orchestration.training import backbone_digest
from podium.progress import board
from podium.settings import Settings
from podium.training.hardware import describe_hardware
from podium.validation.suite import load_suite
from steps.export import export
from steps.load import load
from steps.train import train
from steps.validate import validate

COMMAND = "podium run configs/pretraining.yaml --pipeline pipelines.pretraining.pretraining_pipeline"


@strict_pipeline(name="pretraining", depends_on=(load, validate, train, export), placed=(train,))
def pretraining_pipeline(config: RunConfig) -> None:
    """Load, validate, train every candidate, and export its backbone under the candidate's name.

    Args:
        config: The whole run; ``parameters.config`` of the YAML file. Candidates are recipes of the resnet family.
    """
    settings = Settings.from_environment()
    suite = load_suite(config.validation.suite, settings.root)
    candidates = list(resolve_candidates(config, settings.recipes))
    backbones = {candidate.name: backbone_digest(candidate, settings) for candidate in candidates}
    data = load(config)
    validate(data, suite, candidates, backbones)
    with board(candidates) as progress:
        branches = {
            candidate.name: train.submit(data, candidate, backbones[candidate.name], id=f"train_{candidate.name}")
            for candidate in candidates
        }
        models, failures = gather(branches, progress)
    require_one(models, failures, run=run_name(), config=config, data=data.load())
    for name, model in models.items():
        weights = export(model, data, COMMAND, describe_hardware(), id=f"export_{name}").load()
        say(f"{name}: exported with {weights.figures}; set PODIUM_WEIGHTS to its folder to use it")
