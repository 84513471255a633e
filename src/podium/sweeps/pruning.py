"""Whether a trial is ended early: Optuna's pruners on the curves of the earlier rounds."""

from __future__ import annotations

import optuna
from optuna.trial import TrialState

from podium.config.sweep import PrunerConfig
from podium.sweeps.results import TrialPlan
from podium.sweeps.search import new_study


class Pruned(Exception):
    """Ends a trial's training from within; not an error."""


class Judge:
    """Looks at one trial's figures, epoch by epoch."""

    def __init__(self, plan: TrialPlan) -> None:
        self.curve: list[float] = []
        study = new_study(plan.metric, pruner=_pruner(plan.pruner))
        for rival in plan.rivals:
            # Played again, since successive halving takes notes of each trial as it reports.
            trial = study.ask()
            for epoch, value in enumerate(rival.values, start=1):
                trial.report(value, epoch)
                trial.should_prune()
            state = TrialState.COMPLETE if rival.completed else TrialState.PRUNED
            study.tell(trial, rival.values[-1] if rival.completed else None, state=state)
        self._trial = study.ask()

    def see(self, value: float) -> bool:
        """Take the next epoch's figure. Returns whether the trial is hopeless."""
        self.curve.append(value)
        self._trial.report(value, len(self.curve))
        return self._trial.should_prune()


def _pruner(config: PrunerConfig) -> optuna.pruners.BasePruner:
    if config.kind == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=config.startup, n_warmup_steps=config.warm_up)
    if config.kind == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=config.warm_up, reduction_factor=config.factor)
    return optuna.pruners.NopPruner()
