"""A sweep as a table on a terminal, and its best trial as a candidate or a recipe."""

from __future__ import annotations

import json
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from podium.report.text import duration
from podium.sweeps.results import SweepResult, TrialResult

_SHOWN = 20
"""Trials in the table; ``--json`` has all."""


def render_sweep(result: SweepResult, console: Console, me: str = "podium") -> None:
    """Print a sweep: its trials, best first, the settings of the best, and how to go on.

    Args:
        result: The sweep.
        console: Where to; 80 columns do.
        me: How ``podium`` is called.
    """
    counts = {
        status: sum(trial.status == status for trial in result.trials) for status in ("completed", "pruned", "failed")
    }
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    remains = "" if len(result.trials) == result.planned else f" of {result.planned}"
    title = Text.assemble("sweep ", (result.sweep, "bold"), f" of {result.recipe} on {result.data.name}: ")
    console.print(title + Text(f"{len(result.trials)}{remains} trials, {told}"))
    console.print(_table(result))
    if len(result.trials) > _SHOWN:
        console.print(Text(f"… and {len(result.trials) - _SHOWN} more: {me} sweep show --json", style="dim"))
    for trial in result.trials:
        if trial.status == "failed":
            console.print(Text.assemble((f"trial {trial.number}", "bold"), (" failed: ", "red"), trial.cause or "–"))
            if trial.remedy:
                console.print(Text("  → " + trial.remedy.replace("\n", "\n    ")), soft_wrap=True)
    best = result.best_trial
    if best is None:
        console.print(Text("No trial was completed.", style="red"))
        return
    console.print(Text(f"Best on validation: trial {best.number}. It is the best of many, so its figure flatters;"))
    console.print(Text("what it is worth, the test split of a run tells:"))
    entry = candidate_entry(result, best)
    save = f"{me} sweep show {result.sweep} --save configs/recipes/{result.sweep}_best.yaml"
    if entry:
        console.print(Text(entry.rstrip("\n")), soft_wrap=True)
        console.print(Text(f"or as a recipe: {save}"), soft_wrap=True)
    else:
        console.print(Text(f"  {save}"), soft_wrap=True)


def candidate_entry(result: SweepResult, trial: TrialResult) -> str:
    """The entry of a run's ``candidates`` that trains as a trial did; empty if it changes the network, too."""
    if any(not path.startswith("trainer.") for path in trial.values):
        return ""
    trainer: dict[str, Any] = dict(result.trainer)
    for path, value in trial.values.items():
        *parents, name = path.removeprefix("trainer.").split(".")
        block = trainer
        for parent in parents:
            block[parent] = dict(block.get(parent) or {})
            block = block[parent]
        block[name] = value
    entry = {"recipe": result.recipe, "name": f"{result.sweep}_best", "seed": result.seed, "trainer": trainer}
    return "candidates:\n" + yaml.safe_dump([entry], sort_keys=False, default_flow_style=None, width=76)


def _table(result: SweepResult) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("trial", justify="right")
    table.add_column(f"validation {result.metric}", justify="right")
    for path in result.searched:
        table.add_column(path.rpartition(".")[2].replace("_", " "), justify="right", overflow="fold")
    for heading in ("epochs", "training"):
        table.add_column(heading, justify="right")
    for trial in _ordered(result)[:_SHOWN]:
        ended = str(trial.epochs) if trial.status == "completed" else f"{trial.epochs} {trial.status}"
        cells = [
            f"{trial.number} (recipe)" if trial.own else str(trial.number),
            "–" if trial.value is None else f"{trial.value:.4f}",
            *(_short(trial.values.get(path)) for path in result.searched),
            ended,
            "–" if trial.seconds is None else duration(trial.seconds),
        ]
        style = "bold" if trial.number == result.best else "" if trial.status == "completed" else "dim"
        table.add_row(*map(Text, cells), style=style)
    return table


def _ordered(result: SweepResult) -> list[TrialResult]:
    """Completed ones by their figure, then pruned ones, then failed ones."""
    rank = {"completed": 0, "pruned": 1, "failed": 2}
    sign = 1 if result.metric == "loss" else -1
    return sorted(result.trials, key=lambda trial: (rank[trial.status], sign * (trial.value or 0), trial.number))


def _short(value: Any) -> str:
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else json.dumps(value)
