"""The main job: from a data set to a candidate that awaits review."""

from dataclasses import replace

from podium.config import Candidate, RunConfig
from podium.config.promotion_file import load_policy
from podium.models.recipes import resolve_candidates
from podium.orchestration.branches import each, examine_each, gather, require_one, run_name
from podium.orchestration.gating import siblings
from podium.orchestration.outcome import Judged, say, show_outcome, verdict_line
from podium.orchestration.page import checks_summary
from podium.orchestration.pipeline import strict_pipeline
from podium.orchestration.training import backbone_digest, forget_work, prune_work
from podium.progress import board
from podium.settings import Settings
from podium.validation.suite import load_suite
from podium.wording import plural
from steps.compare import compare, select_best
from steps.dossier import dossier
from steps.evaluate import evaluate_validation
from steps.examine import examine
from steps.gate import evaluate_champion, evaluate_test, gate, open_test
from steps.load import load
from steps.register import register, set_aside
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
    open_test,
    evaluate_test,
    evaluate_champion,
    compare,
    render,
    gate,
    set_aside,
    register,
    dossier,
    request_review,
)


def train_and_judge(
    config: RunConfig, candidates: list[Candidate], settings: Settings, *, blocked_too: bool = True
) -> Judged:
    """All that pipelines of candidates do, from the data set to the review; calls steps, so only within a pipeline.

    Args:
        config: The run.
        candidates: What is trained, resolved.
        settings: Where recipes, suite and policy are.
        blocked_too: Whether a winner that the gate blocks is registered and a review opened, in which it can be
            rejected, or approved by whom the policy lets override.
    """
    suite, policy = load_suite(config.validation.suite, settings.root), load_policy(settings.root)
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
    say("evaluating on validation data")
    validation = each(
        models,
        failures,
        evaluate_validation,
        lambda name, model: {"model": model, "data": data, "id": f"evaluate_{name}"},
    )
    require_one(validation, failures, run=run_name(), config=config, data=data.load())
    examined, unexamined = examine_each(
        validation,
        examine,
        lambda name, figures: {
            "model": models[name], "data": data, "validation": figures, "seed": config.seed, "id": f"examine_{name}",
        },
    )  # fmt: skip
    selection = select_best(list(validation.values()), config.selection.metric)
    models = {name: models[name] for name in validation}
    chosen = selection.load().selected
    winner = models[chosen]
    say(f"{chosen} is selected: the gate opens the test split")
    incumbent, use = open_test(config, data, selection, winner)
    seeds = siblings({candidate.name: candidate for candidate in candidates if candidate.name in models}, chosen)
    test = [evaluate_test(models[name], data, selection, id=f"test_{name}") for name in seeds]
    rival = [evaluate_champion(config, data, incumbent)] if incumbent.load().can_play else []
    results = (list(models.values()), list(validation.values()), test)
    leaderboard = compare(config, data, selection, *results, failures, examined)
    report = render(config, data, leaderboard, *results, checks, examined, unexamined)
    verdict = None
    if use.load().use is not None:  # else the winner is the champion itself, and nothing is to be decided
        verdict = gate(config, policy, data, winner, test, incumbent, rival, use, leaderboard)
        say(verdict_line(verdict.load()))
    judged = Judged(leaderboard=leaderboard.load(), verdict=verdict.load() if verdict else None)
    if judged.blocked and not blocked_too:
        set_aside(leaderboard, report, checks_page)
    else:
        version = register(config, winner, leaderboard, *results[1:], checks, report, checks_page, incumbent, use)
        filed = []
        if verdict:
            looked = (examined, unexamined)
            _, bound, _ = dossier(config, data, version, verdict, winner, test, rival, checks, *looked)
            filed.append(bound)
        judged = replace(judged, review=request_review(version, winner, report, filed).load())
    for candidate in candidates:
        if candidate.name in models:
            forget_work(settings, candidate, data.load().digest, training_code())
    prune_work(settings)
    return judged


@strict_pipeline(name="training", depends_on=STEPS, placed=(train, examine))
def training_pipeline(config: RunConfig) -> None:
    """Load, validate, train all candidates in parallel, evaluate, select, judge, register the best, open a review.

    Args:
        config: The whole run; ``parameters.config`` of the YAML file.

    Raises:
        ConfigError: The promotion policy is missing or refused.
        ValidationFailed: A critical expectation on the data failed; nothing was trained.
        WeightsError: Pretrained weights are missing.
        TrainingFailed: Every candidate failed.
    """
    settings = Settings.from_environment()
    judged = train_and_judge(config, list(resolve_candidates(config, settings.recipes)), settings)
    show_outcome(settings, judged)
