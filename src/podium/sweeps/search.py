"""What is tried next: Optuna's samplers on the trials that have ended, as a pure function."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from podium.config import Candidate
from podium.config.sweep import SamplerConfig, SweepConfig
from podium.errors import ConfigError
from podium.sweeps.results import Curve, TrialPlan, TrialResult
from podium.sweeps.space import Space

_ATTEMPTS: Final = 16
"""Suggestions of points that were tried already, or that the recipe refuses, before another is drawn from those that
are left."""
_DRAWS: Final = 256
"""Of a space whose points cannot be listed: those drawn after that, wherever the sampler would look."""
_LISTED: Final = 20_000
"""Points that are listed to find those that are left."""


def next_round(config: SweepConfig, space: Space, ended: Sequence[TrialResult], threads: int) -> tuple[TrialPlan, ...]:
    """Suggest the trials of the next round; none when all have been tried. Trial 0 is the recipe, if it lies within.

    The same configuration and the same ended trials give the same suggestions: each trial's sampler has a seed of its
    own, from the sweep's and the trial's number. Trials of the same round count as running (constant liar, Ginsbourger
    et al. 2010), so that a round spreads out.

    Args:
        config: The sweep.
        space: Its space.
        ended: All trials of the earlier rounds, in the order of their numbers.
        threads: CPU threads of each trial.

    Raises:
        ConfigError: No point was found that the recipe takes; names the space and what was refused.
    """
    numbers = range(len(ended), min(len(ended) + config.parallel, config.trials))
    rivals = tuple(
        Curve(values=trial.curve, completed=trial.status == "completed") for trial in ended if trial.status != "failed"
    )
    plans: list[TrialPlan] = []
    own = space.own_values()
    for number in numbers:
        first = number == 0 and own is not None
        values = own if first and own else suggest(config, space, ended, [plan.values for plan in plans], number)
        recipe = space.apply(values)
        name = f"{config.name}_{number:03}"
        candidate = Candidate(name=name, recipe=recipe, seed=config.seed, threads=threads)
        plans.append(
            TrialPlan(
                sweep=config.name,
                number=number,
                values=values,
                own=first,
                candidate=candidate,
                metric=config.metric,
                pruner=config.pruner,
                rivals=rivals,
            )
        )
    return tuple(plans)


def suggest(
    config: SweepConfig, space: Space, ended: Sequence[TrialResult], running: Sequence[dict[str, Any]], number: int
) -> dict[str, Any]:
    """Values of one trial by dotted path; a point that was not tried yet while there is one, and none that is refused.

    Raises:
        ConfigError: The recipe refuses all that was drawn.
    """
    tried = [*(trial.values for trial in ended), *running]
    refusals: list[str] = []

    def taken(values: dict[str, Any]) -> bool:
        """Extreme values alone were tried on the recipe before the sweep: what lies between them may not fit."""
        try:
            space.apply(values)
        except ConfigError as error:
            refusals.append(f"{space.told(values)}: {error.message.removeprefix('sweep: ')}")
            return False
        return True

    for attempt in range(_ATTEMPTS):
        values = _ask(config, space, ended, running, _seed(config.seed, number, attempt))
        if values not in tried and taken(values):
            return values
    size = space.points()
    if size is not None and size <= _LISTED:
        left = [point for point in _every(space) if point not in tried]
        draw = random.Random(_seed(config.seed, number, _ATTEMPTS))  # noqa: S311 - no secret
        while left:
            place = draw.choice(range(len(left)))
            if taken(left[place]):
                return left[place]
            left[place] = left[-1]
            left.pop()
    elif refusals:
        anywhere = config.model_copy(update={"sampler": SamplerConfig(kind="random")})
        for attempt in range(_ATTEMPTS, _ATTEMPTS + _DRAWS):
            values = _ask(anywhere, space, (), (), _seed(config.seed, number, attempt))
            if values not in tried and taken(values):
                return values
    if not refusals:
        return values  # all but impossible: a repeated draw of numbers that are no steps
    raise ConfigError(
        f"sweep {config.name}: parameters.config.space: no point was found for trial {number} that was not tried yet"
        f" and that the recipe takes; it refuses {refusals[-1]}",
        remedy=f"set trials to {number}, or take such values out of the space" if number else "take such values out",
    )


def _ask(
    config: SweepConfig, space: Space, ended: Sequence[TrialResult], running: Sequence[dict[str, Any]], seed: int
) -> dict[str, Any]:
    sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=seed)
    if config.sampler.kind == "tpe":
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=config.sampler.startup, constant_liar=True)
    study = new_study(config.metric, sampler=sampler)
    study.add_trials([_frozen(space, trial) for trial in ended])
    for values in running:
        study.add_trial(
            create_trial(state=TrialState.RUNNING, params=space.encode(values), distributions=dict(space.distributions))
        )
    return space.decode(study.ask(dict(space.distributions)).params)


def new_study(metric: str, **how: Any) -> optuna.Study:
    """A study in memory. Optuna announces each one on standard error: it is told to keep that to itself."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="minimize" if metric == "loss" else "maximize", **how)


def _frozen(space: Space, trial: TrialResult) -> FrozenTrial:
    states = {"completed": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    return create_trial(
        state=states[trial.status],
        value=trial.value if trial.status == "completed" else None,
        params=space.encode(trial.values),
        distributions=dict(space.distributions),
        intermediate_values=dict(enumerate(trial.curve, start=1)),
    )


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _every(space: Space) -> list[dict[str, Any]]:
    axes: list[list[Any]] = []
    for distribution in space.distributions.values():
        if isinstance(distribution, CategoricalDistribution):
            axes.append(list(distribution.choices))
        elif isinstance(distribution, (IntDistribution, FloatDistribution)) and distribution.step is not None:
            count = round((distribution.high - distribution.low) / distribution.step) + 1
            axes.append([distribution.low + index * distribution.step for index in range(count)])
    return [space.decode(dict(zip(space.distributions, point, strict=True))) for point in itertools.product(*axes)]
