"""``podium review``: what awaits a decision, the decision, and whether registry and decisions agree."""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from podium.cli.notify import notify
from podium.cli.review_dossier import dossier
from podium.cli.review_import import import_log
from podium.wording import plural

if TYPE_CHECKING:
    from podium.registry.promotion import Outcome
    from podium.registry.sync import Mirror
    from podium.settings import Settings

app = typer.Typer(no_args_is_help=True)
app.command()(dossier)

Id = Annotated[str, typer.Argument(metavar="ID", help="Such as podium-3: version 3 of the model podium.")]
Reason = Annotated[str, typer.Option(help="Why; recorded.")]
User = Annotated[str | None, typer.Option("--as", metavar="USER", help="Who decides; you by default.")]
Seen = Annotated[
    int | None, typer.Option(metavar="EVENT", help="`event` of the review as you saw it; refused if it was renewed.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Model = Annotated[
    str | None,
    typer.Option(help="Name of the registered model; needed if there are several.", envvar="PODIUM_MODEL"),
]
NoZenml = Annotated[bool, typer.Option("--no-zenml", help="Leave ZenML's stages alone.")]


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Show decided and expired reviews as well.")] = False,
    json: Json = False,
) -> None:
    """List the reviews that await a decision.

    JSON: {"champions": {MODEL: VERSION or null}, "reviews": [as `show --json` has it, newest first],
    "expired": [ID], "findings": [text]}; findings tell where the registry is not what the decisions made it.
    """
    from podium.cli.review_view import print_list
    from podium.registry.reviews import overviews
    from podium.registry.views import list_json

    found = overviews(_settings())
    if json:
        _print(list_json(found, include_all=everything))
    else:
        print_list(Console(), found, include_all=everything)


@app.command()
def show(review: Id, json: Json = False) -> None:
    """Show a review: the candidate beside the champion, what the decision binds, and how to decide.

    JSON: {"id", "model", "version", "status": "open|expired|approved|rejected", "standing":
    "open|champion|retired|rejected", "opened", "renewed", "expires", "expired", "author", "run", "candidate",
    "recipe", "figures", "digests", "code", "dvc", "report", "mlflow_run", "zenml_model_version", "outcome",
    "dossier", "policy", "rules", "event", "votes": [{"event", "time", "actor", "reason", "self_approved",
    "override", "via", "process"}], "decision": null or the same with "verdict",
    "champion": null or the champion's review with the same keys}.
    """
    from podium.cli.review_view import print_review
    from podium.registry import reviews
    from podium.registry.views import review_json

    settings = _settings()
    found = reviews.show(settings, review)
    champion = reviews.champion_review(settings, found.request.version.model)
    if json:
        _print(review_json(found) | {"champion": review_json(champion) if champion else None})
    else:
        print_review(Console(), found, champion)


@app.command()
def approve(
    review: Id,
    reason: Reason,
    user: User = None,
    override: Annotated[bool, typer.Option("--override", help="Approve although the gate blocks; recorded.")] = False,
    seen: Seen = None,
    json: Json = False,
    no_zenml: NoZenml = False,
) -> None:
    """Approve a version; the last approval that the policy asks for promotes it. It is recorded first.

    The version's files are compared with what was reviewed. JSON: {"review": as `show`, "champion": VERSION or null,
    "previous": VERSION or null, "changes": [...], "missing": approvals that it awaits still, "warnings": [...]}.
    """
    from podium.cli.promotion import PipelineCarrier
    from podium.registry import promotion

    settings = _settings()
    outcome = promotion.approve(
        settings,
        review,
        reason=reason,
        actor=user,
        override=override,
        seen=seen,
        mirror=None if no_zenml else recorded_mirror(settings, review),
        carrier=None if no_zenml else PipelineCarrier(settings),
    )
    _report(outcome, json=json)


@app.command()
def reject(
    review: Id, reason: Reason, user: User = None, seen: Seen = None, json: Json = False, no_zenml: NoZenml = False
) -> None:
    """Turn a version down; it stays in the registry. JSON as for `approve`."""
    from podium.registry import promotion

    settings = _settings()
    mirror = None if no_zenml else recorded_mirror(settings, review)
    _report(promotion.reject(settings, review, reason=reason, actor=user, seen=seen, mirror=mirror), json=json)


@app.command()
def rollback(
    reason: Reason,
    to: Annotated[int | None, typer.Option(metavar="VERSION", help="An approved version; the last but one.")] = None,
    model: Model = None,
    user: User = None,
    json: Json = False,
    no_zenml: NoZenml = False,
) -> None:
    """Make the previous champion, or another approved version, the champion again. JSON as for `approve`."""
    from podium.cli.promotion import PipelineCarrier
    from podium.registry import promotion
    from podium.registry.champion import model_name

    settings = _settings()
    outcome = promotion.rollback(
        settings,
        model_name(settings, model),
        reason=reason,
        to=to,
        actor=user,
        mirror=None if no_zenml else recorded_mirror(settings),
        carrier=None if no_zenml else PipelineCarrier(settings),
    )
    _report(outcome, json=json)


@app.command()
def sync(json: Json = False, no_zenml: NoZenml = False) -> None:
    """Restore MLflow's aliases and ZenML's stages from the decision log. JSON: {"changes": [...]}."""
    from podium.registry.sync import sync as restore

    settings = _settings()
    changes = restore(settings, mirror=None if no_zenml else recorded_mirror(settings))
    if json:
        _print({"changes": changes})
    else:
        Console().print("\n".join(changes) or "registry and decisions agree; nothing to do", markup=False)


@app.command()
def audit(
    json: Json = False,
    repair: Annotated[bool, typer.Option("--repair", help="Restore aliases and stages from the log first.")] = False,
    user: User = None,
    no_zenml: NoZenml = False,
) -> None:
    """Verify the log's chain, its decisions, aliases, stages, and the files of all reviewed versions.

    Exit status 1 if something is wrong (after `--repair`: still). A broken chain is never touched.
    JSON: {"events": N, "models": [...], "versions_verified": N, "findings": [text], "repaired": [text]}.
    """
    from podium.registry import audit as auditing

    settings = _settings()
    mirror = None if no_zenml else recorded_mirror(settings)
    if repair:
        outcome = auditing.repair(settings, actor=user, mirror=mirror)
    else:
        outcome = auditing.audit(settings, mirror=mirror)
    if json:
        _print(outcome.model_dump(mode="json"))
    else:
        console = Console()
        for change in outcome.repaired:
            console.print(f"[bold green]repaired[/] {_escape(change)}", soft_wrap=True)
        for finding in outcome.findings:
            console.print(f"[bold red]✗[/] {_escape(finding)}", soft_wrap=True)
        console.print(
            f"{plural(outcome.events, 'event')}, {plural(outcome.versions_verified, 'version')} verified,"
            f" {plural(len(outcome.findings), 'finding')}"
        )
    if outcome.findings:
        raise typer.Exit(1)


app.command()(notify)
app.command("import")(import_log)


def _settings() -> Settings:
    from podium.cli.deciding import settings_of_decisions

    return settings_of_decisions()


def recorded_mirror(settings: Settings, review_id: str | None = None) -> Mirror | None:
    """ZenML's mirror as a review recorded it: the given one's, else the newest one's."""
    from podium.registry import reviews
    from podium.registry.zenml_mirror import LazyZenmlMirror

    chosen = [reviews.show(settings, review_id)] if review_id else reviews.logged_reviews(settings)
    recorded = [review.request.zenml for review in chosen if review.request.zenml is not None]
    return LazyZenmlMirror(recorded[0]) if recorded else None


def _report(outcome: Outcome, *, json: bool) -> None:
    from podium.cli.review_view import print_outcome
    from podium.registry.views import outcome_json

    if json:
        _print(outcome_json(outcome))
    else:
        print_outcome(Console(), outcome)


def _print(value: Mapping[str, Any]) -> None:
    typer.echo(json_module.dumps(value, indent=2, ensure_ascii=False))


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
