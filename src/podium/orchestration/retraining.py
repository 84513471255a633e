"""What a retraining does besides a run: the champion's recipe, drift of new images, and what is told at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from zenml.client import Client
from zenml.exceptions import RunInterruptedException
from zenml.execution.pipeline.dynamic.run_context import DynamicPipelineRunContext

from podium.config import Candidate, RunConfig, Start
from podium.config.retraining import RetrainingConfig
from podium.data import open_dataset
from podium.errors import TrainingStopped
from podium.orchestration.outcome import Judged, say, show_outcome
from podium.orchestration.restarts import goes_on
from podium.registry.champion import champion_version, fetch_bundle, load_champion_bundle
from podium.retraining.drifted import drifted
from podium.retraining.history import CHAMPION_WON
from podium.retraining.round import Round, looking
from podium.retraining.warm import warm_started
from podium.settings import Settings


def run_of(config: RetrainingConfig) -> RunConfig:
    """The run that a retraining does: its steps are those of any other run, and shared with them."""
    return RunConfig.model_validate(config.model_dump(exclude={"retraining"}, exclude_unset=True))


@contextmanager
def retraining(settings: Settings, config: RetrainingConfig) -> Iterator[Round | None]:
    """Look whether to train, telling what is found; None where there is nothing to do. See ``looking``."""
    stopped = (TrainingStopped, RunInterruptedException)
    context = DynamicPipelineRunContext.get()
    run = str(context.run.id) if context else None
    given: dict[str, Any] = {"run": run, "stopped": stopped, "goes_on": lambda other: goes_on(Client(), UUID(other))}
    with looking(settings, config, drifted(settings, config), train=True, **given) as found:
        if found is None:
            say("another run of this retraining goes on: nothing is done here")
        else:
            say(f"{'training' if found.due.train else 'not training'}: {found.due.told}")
        yield found if found and found.due.train else None


def with_champions(config: RetrainingConfig, candidates: list[Candidate], settings: Settings) -> list[Candidate]:
    """The candidates, and the champion's recipe with its seed as one more, unless one of them is the same."""
    if not config.retraining.champions_recipe or champion_version(settings, config.registry.model) is None:
        return candidates
    bundle, _ = load_champion_bundle(settings, config.registry.model)
    own = bundle.candidate
    if any((one.recipe, one.seed) == (own.recipe, own.seed) for one in candidates):
        return candidates
    taken = {one.name for one in candidates}
    name = own.name if own.name not in taken else f"champion_{own.recipe.id}"
    like = {"name": name, "threads": candidates[0].threads, "processes": candidates[0].processes}
    like["start"] = None  # whatever it itself started from
    return [*candidates, own.model_copy(update=like)]


def from_champion(config: RetrainingConfig, candidates: list[Candidate], settings: Settings) -> list[Candidate]:
    """The candidates, with warm starts where the configuration wants them and there is a champion.

    Raises:
        ConfigError: See ``podium.retraining.warm.warm_started``.
        DataError: Likewise.
    """
    model = config.registry.model
    if config.retraining.start == "scratch":
        return candidates
    if champion_version(settings, model) is None:
        say(f"{model} has no champion to start from: all candidates start from scratch")
        return candidates
    bundle, version = load_champion_bundle(settings, model)
    contract = bundle.contract
    start = Start(
        model=model,
        version=version,
        digest=fetch_bundle(settings, model, version).name,
        mean=contract.mean,
        std=contract.std,
        trained_range=contract.trained_range,
    )
    made = warm_started(candidates, bundle, start, open_dataset(settings.root / config.data.path))
    names = ", ".join(one.name for one in made if one.start)
    say(f"from the weights of version {version}, the champion, start: {names}")
    return made


def conclude(settings: Settings, judged: Judged) -> dict[str, Any]:
    """Tell how a retraining ended; returns what the history keeps of it."""
    verdict, review = judged.verdict.verdict if judged.verdict else None, judged.review
    show_outcome(settings, judged)
    return {
        "run": judged.leaderboard.run,
        "selected": judged.leaderboard.selected,
        "outcome": verdict.outcome if verdict else CHAMPION_WON,
        "questions": [question.reason for question in verdict.open_questions] if verdict else [],
        "version": review.request.version.version if review else None,
        "review": review.id if review and verdict else None,
    }
