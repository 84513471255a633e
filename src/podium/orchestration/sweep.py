"""Drive a sweep: rounds of trials side by side, a record after each, and what a person sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console

from podium.config.sweep import SweepConfig
from podium.errors import TrainingFailed
from podium.failures import told
from podium.orchestration.branches import gather, run_name
from podium.orchestration.outcome import command, say
from podium.orchestration.training import backbone_digest, forget_work
from podium.progress import board
from podium.report.sweep import render_sweep
from podium.results import DataReference, Failure
from podium.settings import Settings
from podium.sweeps.results import SweepResult, TrialPlan, TrialResult, best_of, keep, refuse_other
from podium.sweeps.search import next_round
from podium.sweeps.space import Space
from podium.training.hardware import describe_hardware

Submit = Callable[[TrialPlan, str | None], Any]
"""Starts the step of a trial, with the digest of its backbone; returns ZenML's future."""


class Rounds:
    """The state of a running sweep: what has ended, and the artifacts that hold it.

    Raises:
        ConfigError: A sweep of this name is recorded with another configuration or other data.
    """

    def __init__(self, config: SweepConfig, space: Space, data: DataReference, settings: Settings, code: str) -> None:
        refuse_other(settings, config, data)
        self.config, self.space, self.data, self.settings, self.code = config, space, data, settings, code
        self.threads = config.threads or max(1, len(os.sched_getaffinity(0)) // min(config.parallel, config.trials))
        self.ended: list[TrialResult] = []
        self.artifacts: list[Any] = []
        self.lost: list[TrialResult] = []
        """Trials whose step failed, of something outside of them; the next run tries them again."""

    def plans(self) -> Iterator[tuple[TrialPlan, ...]]:
        """The rounds, one after the other; each is suggested when the one before it has been run."""
        while plans := next_round(self.config, self.space, self.ended, self.threads):
            yield plans

    def run(self, plans: Sequence[TrialPlan], submit: Submit) -> None:
        """Run a round to its end and record it."""
        say(self._announce(plans))
        with board([plan.candidate for plan in plans]) as progress:
            branches = {
                plan.candidate.name: submit(plan, backbone_digest(plan.candidate, self.settings)) for plan in plans
            }
            results: dict[int, TrialResult] = {}

            def note(artifact: Any) -> str:
                trial: TrialResult = artifact.load()
                results[trial.number] = trial
                return _note(trial, self.config.metric)

            done, failures = gather(branches, progress, note)
            for plan in plans:
                name = plan.candidate.name
                if name in failures:
                    self.lost.append(failed(plan, failures[name]))
                    self.ended.append(self.lost[-1])
                    continue
                self.artifacts.append(done[name])
                self.ended.append(results[plan.number])
                forget_work(self.settings, plan.candidate, self.data.digest, self.code)
        keep(self.settings, self.result())

    def result(self) -> SweepResult:
        """What is known so far."""
        return assemble(self.config, self.data, self.ended, run_name())

    def _announce(self, plans: Sequence[TrialPlan]) -> str:
        first, last = plans[0].number, plans[-1].number
        which = f"trial {first}" if first == last else f"trials {first}-{last}"
        best = next((trial for trial in self.ended if trial.number == best_of(self.ended, self.config.metric)), None)
        so_far = f"; best so far: trial {best.number}, {self.config.metric} {best.value:.4f}" if best else ""
        return f"{which} of {self.config.trials}{so_far}"


def _note(trial: TrialResult, metric: str) -> str:
    if trial.status == "failed":
        return f"failed: {trial.cause}"
    return f"{trial.cause or 'done'}: validation {metric} {trial.value:.4f}"


def failed(plan: TrialPlan, failure: Failure) -> TrialResult:
    """The record of a trial whose step failed."""
    why = {"cause": failure.cause, "remedy": failure.remedy or None}
    return TrialResult(number=plan.number, values=plan.values, own=plan.own, status="failed", **why)


def assemble(config: SweepConfig, data: DataReference, trials: Sequence[TrialResult], run: str) -> SweepResult:
    """Put the trials of a sweep side by side; ``run`` is the name of the pipeline run."""
    ordered = sorted(trials, key=lambda trial: trial.number)
    return SweepResult(
        sweep=config.name,
        run=run,
        recipe=config.recipe,
        metric=config.metric,
        seed=config.seed,
        data=data,
        hardware=describe_hardware(),
        planned=config.trials,
        best=best_of(ordered, config.metric),
        trainer=config.trainer,
        searched=tuple(config.space),
        config=config.model_dump(mode="json"),
        trials=tuple(ordered),
    )


def finish(settings: Settings, result: SweepResult) -> None:
    """Record a sweep and show it on the real standard output (ZenML redirects the other).

    Raises:
        TrainingFailed: No trial was completed.
    """
    keep(settings, result)
    if result.best is None:
        why = {
            f"trial {trial.number}": Failure(cause=trial.cause or "", remedy=trial.remedy or "")
            for trial in result.trials
        }
        raise TrainingFailed(
            f"none of {len(result.trials)} trials was completed:\n{told(why)}",
            remedy="mend the first cause and run again",
        )
    render_sweep(result, Console(file=sys.__stdout__), command())
