"""``podium explain``: a model version's chain from the commit to the decision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from podium.registry.explanation import Explanation

_FIGURES = (
    ("validation_accuracy", "validation accuracy", ".4f"),
    ("test_accuracy", "test accuracy", ".4f"),
    ("test_f1", "test macro F1", ".4f"),
    ("test_loss", "test loss", ".4f"),
    ("parameters", "parameters", ",d"),
    ("epochs", "epochs", "d"),
)


def explain(
    version: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_VERSION",
            help="MODEL/VERSION, a review's id such as podium-3, VERSION, champion, challenger.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(help="Name of the registered model; needed if there are several.", envvar="PODIUM_MODEL"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (docs/json.md).")] = False,
) -> None:
    """Tell where a model version comes from: commit, data, configuration, packages, run, figures, decisions.

    Its artifacts are compared with their digests, and what is missing or does not fit is said.
    """
    from rich.console import Console

    from podium.cli.deciding import settings_of_decisions
    from podium.registry.chain import explain as follow

    found = follow(settings_of_decisions(), version, model=model)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _print(Console(), found)


def _print(console: Console, found: Explanation) -> None:
    """A line a link. Names and reasons are no markup."""
    from rich.text import Text

    aliases = f", registry: {', '.join(found.aliases)}" if found.aliases else ", no alias in the registry"
    console.print(Text(f"{found.model}-{found.version}", "bold"), Text(f"{found.standing}{aliases}"))
    for label, value in _links(found):
        console.print(Text.assemble((f"{label:>12}  ", "dim"), value), soft_wrap=True)
    for texts, style, sign in ((found.missing, "yellow", "?"), (found.mismatches, "bold red", "✗")):
        for text in texts:
            console.print(Text.assemble((f"{sign} ", style), text), soft_wrap=True)
    if not found.mismatches:
        console.print("what is recorded fits together" + ("" if found.missing else "; nothing is missing"))


def _links(found: Explanation) -> Iterable[tuple[str, str]]:
    code, data, run = found.code, found.data, found.run
    yield (
        "commit",
        (code.commit or "none")
        + (", tracked files clean" if code.clean else ", tracked files with uncommitted changes"),
    )
    yield "code", code.digest
    yield "data", f"{data.digest} ({data.name or 'name unknown'}, {data.path})"
    yield "DVC", data.dvc or "-"
    kept = ", kept with the version" if found.config.content is not None else ""
    yield "config", f"{found.config.digest} ({found.config.name or 'name unknown'}{kept})"
    yield "lock", found.environment.lock or "-"
    started = f", started {run.started:%Y-%m-%d %H:%M} UTC" if run.started else ""
    yield "run", f"{run.name}, {run.candidate} ({run.recipe}){f' by {found.author}' if found.author else ''}{started}"
    yield "MLflow", f"run {run.mlflow_run}{f', {run.status}' if run.status else ''}"
    yield "ZenML", f"run {run.zenml_run or '-'}, model version {run.zenml_model_version or '-'}"
    figures = ((label, getattr(found.metrics, name), form) for name, label, form in _FIGURES)
    yield "metrics", ", ".join(f"{label} {value:{form}}" for label, value, form in figures if value is not None)
    if found.validation:
        outcome = "passed" if found.validation.passed else "failed"
        yield (
            "validation",
            f"{outcome}, {len(found.validation.failed)} of {found.validation.expectations} not as expected",
        )
        for finding in found.validation.failed:
            yield "", finding
    for event in found.decisions:
        mark = " (self-approved)" if event.self_approved else ""
        mark += " (override of the gate)" if event.override else ""
        what = "review opened" if event.kind == "opened" else event.kind.replace("_", " ")
        reason = f": {event.reason}" if event.reason else ""
        yield "decision", f"{what} by {event.actor} on {event.time:%Y-%m-%d %H:%M} UTC{mark}{reason}"
