"""Parallel branches: wait for all, keep the survivors, name the cause of each failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zenml.execution.pipeline.dynamic.run_context import DynamicPipelineRunContext

from podium import atomic
from podium.config import RunConfig
from podium.errors import TrainingFailed, TrainingStopped
from podium.evaluation.compare import build_leaderboard
from podium.failures import failure_of, told
from podium.orchestration.outcome import say
from podium.orchestration.placing import is_job, wait
from podium.orchestration.stopping import stop_training
from podium.progress import Board
from podium.registry import tracking
from podium.results import DataReference, Failure
from podium.settings import Settings

Arguments = Callable[[str, Any], Mapping[str, Any]]


def run_name() -> str:
    """The name of the pipeline run that this process drives. Raises RuntimeError outside of one."""
    context = DynamicPipelineRunContext.get()
    if context is None:
        raise RuntimeError("no dynamic pipeline is running here")
    return str(context.run.name)


def gather(
    branches: Mapping[str, Any], progress: Board, note: Callable[[Any], str] = lambda _: "done"
) -> tuple[dict[str, Any], dict[str, Failure]]:
    """Wait for every branch.

    Args:
        branches: ZenML step futures by candidate name.
        progress: Told how each candidate ended.
        note: What it is told of a completed one, from its output artifact.

    Returns:
        The output artifacts of the completed branches, and why the others failed.
    """
    done: dict[str, Any] = {}
    failures: dict[str, Failure] = {}
    for name, future in branches.items():
        try:
            wait(future)
            done[name] = future.result()
        except (KeyboardInterrupt, TrainingStopped):
            stop_training()
            raise
        except Exception as error:  # noqa: BLE001 - whatever a candidate died of, the others go on and it is reported
            failures[name] = failure_of(error)
        progress.done(name, f"failed: {failures[name].cause}" if name in failures else note(done[name]))
    return done, failures


def each(models: Mapping[str, Any], failures: dict[str, Failure], step: Any, arguments: Arguments) -> dict[str, Any]:
    """Call a step for every model: one after the other, as they share this machine; side by side where they are jobs.

    Args:
        models: What the step is called for, by the candidates' names.
        failures: Who fails joins it, and is left out of the answer.
        step: The step.
        arguments: Its keyword arguments for a name and a model, ``id`` among them.
    """
    started = {name: step.submit(**arguments(name, models[name])) for name in models} if is_job(step.name) else {}
    done: dict[str, Any] = {}
    for name, model in models.items():
        try:
            if name in started:
                wait(started[name])
            done[name] = started[name].result() if name in started else step(**arguments(name, model))
        except Exception as error:  # noqa: BLE001 - as above
            failures[name] = failure_of(error)
    return done


def examine_each(validation: Mapping[str, Any], step: Any, arguments: Arguments) -> tuple[list[Any], dict[str, str]]:
    """Call a step that looks closer at every candidate, as ``each`` does.

    A candidate whose examination fails stays in the run: its cause is told on the terminal and on the run's page.

    Returns:
        The output artifacts, and the causes of those that failed.
    """
    say("examining: slices, corruptions, saliency, cost")
    failures: dict[str, Failure] = {}
    done = each(validation, failures, step, arguments)
    for name, failure in failures.items():
        remedy = f" → {failure.remedy}" if failure.remedy else ""
        say(f"{name} could not be examined, and goes on without: {failure.cause}{remedy}")
    return list(done.values()), {name: failure.cause for name, failure in failures.items()}


def require_one(
    completed: Mapping[str, Any], failures: Mapping[str, Failure], *, run: str, config: RunConfig, data: DataReference
) -> None:
    """Raise TrainingFailed if no candidate is left, once the leaderboard of their failures is kept for the run."""
    if completed:
        return
    settings = Settings.from_environment()
    board = build_leaderboard(
        run=run, config_name=config.name, model=config.registry.model, data=data, selection=None,
        summaries={}, validation={}, test={}, failures=failures, metric=config.selection.metric, seeded=config.seeded,
    )  # fmt: skip
    with tracking.registry_lock(settings, "cache"):
        atomic.write_text(settings.runs / run / "leaderboard.json", board.model_dump_json(indent=2) + "\n")
        atomic.write_text(settings.runs / "latest", run + "\n")
    raise TrainingFailed(
        f"all {len(failures)} candidates failed:\n{told(failures)}", remedy="mend the first cause and run again"
    )
