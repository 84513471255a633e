"""The main job: from a data set to a candidate that awaits review."""

from podium.config import RunConfig
from podium.models.recipes import resolve_candidates
from podium.orchestration.branches import each, examine_each, gather, require_one, run_name
from podium.orchestration.outcome import say, show_outcome
from podium.orchestration.page import checks_summary
from podium.orchestration.pipeline import strict_pipeline
from podium.orchestration.progress import board
from podium.orchestration.training import backbone_digest, forget_work, prune_work
from podium.settings import Settings
from podium.validation.suite import load_suite
from podium.wording import plural
from steps.compare import compare, select_best
from steps.evaluate import evaluate_test, evaluate_validation
from steps.examine import examine
from steps.load import load
from steps.register import register
from steps.render import render
from steps.review import request_review
from steps.train import code as training_code
from steps.train import train
from steps.validate import validate

STEPS = (
    load,
    validate,
    train,
    evaluate_validation,
    examine,
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
        WeightsError: Pretrained weights are missing.
        TrainingFailed: Every candidate failed.
    """
    settings = Settings.from_environment()
    suite = load_suite(config.validation.suite, settings.root)
    candidates = list(resolve_candidates(config, settings.recipes))
    backbones = {candidate.name: backbone_digest(candidate, settings) for candidate in candidates}
    data = load(config)
    checks, checks_page = validate(data, suite, candidates, backbones)
    say(checks_summary(checks.load()))
    threads = plural(candidates[0].threads, "CPU thread")
    say(f"training {plural(len(candidates), 'candidate')} in parallel, {threads} each")
    with board(candidates) as progress:
        branches = {
            candidate.name: train.submit(data, candidate, backbones[candidate.name], id=f"train_{candidate.name}")
            for candidate in candidates
        }
        models, failures = gather(branches, progress)
    say("evaluating: validation first, the test split once the selection is fixed")
    validation = each(models, failures, lambda name, model: evaluate_validation(model, data, id=f"evaluate_{name}"))
    require_one(validation, failures, run=run_name(), config=config, data=data.load())
    examined, unexamined = examine_each(
        validation,
        lambda name, figures: examine(models[name], data, figures, config.seed, id=f"examine_{name}"),
    )
    selection = select_best(list(validation.values()), config.selection.metric)
    models = {name: models[name] for name in validation}
    test = [evaluate_test(model, data, selection, id=f"test_{name}") for name, model in models.items()]
    results = (list(models.values()), list(validation.values()), test)
    leaderboard = compare(config, data, selection, *results, failures, examined)
    report = render(config, data, leaderboard, *results, checks, examined, unexamined)
    winner = models[selection.load().selected]
    version = register(config, winner, leaderboard, *results[1:], checks, report, checks_page)
    review = request_review(version, winner, report)
    for candidate in candidates:
        if candidate.name in models:
            forget_work(settings, candidate, data.load().digest, training_code())
    prune_work(settings)
    show_outcome(settings, leaderboard.load(), review.load())
