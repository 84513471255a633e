"""The main job: from a data set to a candidate that awaits review."""

from steps.register import register
from steps.render import render
from steps.review import request_review

from podium.config import RunConfig
from podium.models.recipes import resolve_candidates
from podium.orchestration.branches import finished, gather
from podium.orchestration.pipeline import strict_pipeline
from podium.orchestration.progress import board
from podium.settings import Settings
from steps.compare import compare, select_best
from steps.evaluate import evaluate_test, evaluate_validation
from steps.load import load
from steps.train import train
from steps.validate import validate

STEPS = (
    load,
    validate,
    train,
    evaluate_validation,
    select_best,
    evaluate_test,
    compare,
    render,
    register,
    request_review,
)


@strict_pipeline(name="training", depends_on=STEPS)
def training_pipeline(config: RunConfig) -> None:
    """Load, validate, train all candidates in parallel, evaluate, compare, register the best, open a review.

    Args:
        config: The whole run; ``parameters.config`` of the YAML file.

    Raises:
        ValidationFailed: A critical expectation on the data failed; nothing was trained.
        TrainingFailed: Every candidate failed.
    """
    candidates = list(resolve_candidates(config, Settings.from_environment().recipes))
    data = load(config)
    report, page = validate(data, config.validation, candidates)
    with board(candidates) as progress:
        branches = {
            candidate.name: train.submit(data, candidate, after=[report], id=f"train_{candidate.name}")
            for candidate in candidates
        }
        models, failures = gather(branches, progress)
    validation = [evaluate_validation(model, data, id=f"evaluate_validation_{name}") for name, model in models.items()]
    selection = select_best(validation, config.selection.metric)
    test = [evaluate_test(model, data, selection, id=f"evaluate_test_{name}") for name, model in models.items()]
    results = (list(models.values()), validation, test)
    leaderboard = compare(config.name, data, selection, *results, failures)
    pictures = render(config, data, leaderboard, *results, report)
    winner = models[selection.load().selected]
    version = register(config, winner, leaderboard, *results, report, pictures, page)
    review = request_review(config, version, leaderboard)
    finished(review.load(), leaderboard.load(), models)
