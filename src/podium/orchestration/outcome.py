"""What a person sees when a run ends: the leaderboard, the champion, and what to do next."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from zenml.client import Client
from zenml.enums import ExecutionStatus
from zenml.execution.pipeline.dynamic.run_context import DynamicPipelineRunContext
from zenml.models import StepRunResponse

from podium.gate.result import GateResult
from podium.registry.champion import champion_version
from podium.registry.state import Review
from podium.report.table import render_leaderboard
from podium.results import Leaderboard
from podium.settings import Settings
from podium.wording import plural


@dataclass(frozen=True)
class Judged:
    """What a run came to."""

    leaderboard: Leaderboard
    verdict: GateResult | None
    """None where the winner is the champion itself: then nothing is decided."""
    review: Review | None = None
    """None where nothing was registered, since the gate blocks the winner."""

    @property
    def blocked(self) -> bool:
        """Whether the gate blocks the winner."""
        return self.verdict is not None and self.verdict.verdict.outcome == "blocked"


def show_outcome(settings: Settings, judged: Judged) -> None:
    """Print the outcome of the running pipeline on the real standard output (ZenML redirects the other)."""
    console = Console(file=sys.__stdout__, soft_wrap=True)
    leaderboard, review = judged.leaderboard, judged.review
    version = review.request.version.version if review else None
    champion = champion_version(settings, leaderboard.model)
    render_leaderboard(leaderboard.model_copy(update={"version": version, "champion": champion}), console)
    if reused := _reused(leaderboard):
        console.print(reused, highlight=False, markup=False)
    me = command()
    if review is None:
        console.print("The gate [bold]blocks[/] the candidate: nothing is registered, and there is nothing to decide.")
    elif review.decision is None and review.request.outcome == "blocked":
        console.print(
            f"Review [bold]{escape(review.id)}[/]: the gate [bold]blocks[/] the candidate; why, the dossier says."
        )
    elif review.decision is None:
        console.print(f"Review [bold]{escape(review.id)}[/] is awaiting a decision:")
        console.print(f'  {me} review approve {review.id} --reason "…"', highlight=False, markup=False)
    else:
        actor = escape(review.decision.actor)
        console.print(f"Review [bold]{escape(review.id)}[/] was {review.decision.verdict} by {actor}")
    console.print("Next:")
    predict = f"{me} predict IMAGE" + ("" if champion else f" --version {version}")
    for purpose, line in (
        *([("read the dossier", f"{me} review dossier {review.id}")] if review and review.request.dossier else []),
        ("open the report", f"{me} report"),
        ("open the dashboard", f"{me} dashboard"),
        *([("predict on an image", predict)] if champion or version else []),
    ):
        console.print(f"  {line:<44} {purpose}", highlight=False, markup=False)


def say(text: str) -> None:
    """Tell the person at the terminal what happens now (ZenML redirects the other standard error)."""
    Console(file=sys.__stderr__, soft_wrap=True).print(f"[dim]·[/] {escape(text)}", highlight=False)


def verdict_line(result: GateResult) -> str:
    """The gate's verdict in one line, with the first thing that stands against the challenger."""
    questions = result.verdict.open_questions
    told = f": {questions[0].reason}" if questions else ""
    more = f" (and {plural(len(questions) - 1, 'more question')})" if len(questions) > 1 else ""
    return f"the gate says {result.verdict.outcome}{told}{more}"


def command() -> str:
    """How this ``podium`` is called from the checkout: by name where the shell finds it."""
    return "podium" if shutil.which("podium") else ".venv/bin/podium"


def _reused(leaderboard: Leaderboard) -> str:
    context = DynamicPipelineRunContext.get()
    if context is None:
        return ""
    steps = Client().list_run_steps(pipeline_run_id=context.run.id, size=1000).items
    cached = sum(step.status == ExecutionStatus.CACHED for step in steps)
    if leaderboard.run == context.run.name:
        return f"{cached} of {len(steps)} steps were reused from the cache." if cached else ""
    others = [step for step in steps if step.status != ExecutionStatus.CACHED]
    always = [step.name for step in sorted(others, key=_start) if step.config.enable_cache is False]
    return nothing_changed(leaderboard.run, cached, always)


def nothing_changed(run: str, cached: int, always: Sequence[str]) -> str:
    """Say that all of a run was reused, and why some steps ran nevertheless: they look at what is outside ZenML."""
    text = f"Nothing changed since run {run}: {cached} steps were reused from the cache"
    if not always:
        return f"{text}."
    *first, last = always
    names = f"{', '.join(first)} and {last}" if first else last
    return f"{text} ({names} always look{'' if first else 's'} again)."


def _start(step: StepRunResponse) -> float:
    return step.start_time.timestamp() if step.start_time else float("inf")
