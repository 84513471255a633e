"""Reviews on a terminal: the list, one review beside the champion, and the outcome of a decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from podium.registry.promotion import Outcome
from podium.registry.reviews import Overview
from podium.registry.rules import unreachable
from podium.registry.state import Review
from podium.registry.votes import Decision, Vote
from podium.results import LeaderboardRow
from podium.wording import plural

_FIGURES: Final = (
    ("validation accuracy", "validation_accuracy", ".4f"),
    ("validation loss", "validation_loss", ".4f"),
    ("test accuracy", "test_accuracy", ".4f"),
    ("  95 % from", "test_accuracy_low", ".4f"),
    ("  95 % to", "test_accuracy_high", ".4f"),
    ("test loss", "test_loss", ".4f"),
    ("macro precision", "test_precision", ".4f"),
    ("macro recall", "test_recall", ".4f"),
    ("macro F1", "test_f1", ".4f"),
    ("parameters", "parameters", ",d"),
    ("epochs", "epochs", "d"),
    ("training, s", "train_seconds", ".1f"),
    ("ms an image", "milliseconds_per_image", ".3f"),
)
_COLOURS: Final = {
    "open": "yellow",
    "blocked": "red",
    "expired": "red",
    "champion": "green",
    "retired": "blue",
    "rejected": "red",
}


def print_list(console: Console, overviews: Sequence[Overview], *, include_all: bool) -> None:
    """One line a review, then what is wrong, then what to do next. Expired requests are out of the way."""
    found, now = [review for overview in overviews for review in overview.reviews], datetime.now(UTC)
    shown = [review for review in found if include_all or review.waiting(now)]
    expired = [] if include_all else [review for review in found if review.expired(now)]
    for overview in overviews:
        champion = f"version {overview.champion}" if overview.champion is not None else "none yet"
        console.print(f"[bold]{escape(overview.model)}[/]  champion: {champion}")
    if shown:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("review", "standing", "candidate", "val. %", "test %", "opened, UTC", "author"):
            right, fold = heading.endswith("%"), heading in ("candidate", "author")
            table.add_column(heading, justify="right" if right else "left", no_wrap=not fold, overflow="fold")
        for review in shown:
            version = review.request.version
            table.add_row(
                review.id,
                _standing(review),
                escape(version.candidate),
                _percent(version.figures, "validation_accuracy"),
                _percent(version.figures, "test_accuracy"),
                f"{review.opened:%Y-%m-%d %H:%M}",
                escape(review.request.author),
            )
        console.print(table)
        console.print(f"look closer: podium review show {shown[0].id}", highlight=False)
    else:
        console.print("no review awaits a decision" if not include_all else "no review yet; `make run` opens one")
    if expired:
        told = f"{plural(len(expired), 'expired request')}: podium review list --all; a run of the pipeline renews them"
        console.print(told, highlight=False)
    for overview in overviews:
        for finding in overview.findings:
            console.print(f"[bold red]![/] {escape(finding)}", soft_wrap=True, highlight=False)


def print_review(console: Console, review: Review, champion: Review | None) -> None:
    """Figures side by side, what the decision binds, and the commands to decide."""
    version = review.request.version
    other = champion if champion is not None and champion.id != review.id else None
    console.print(f"[bold]{review.id}[/]  {_standing(review)}", highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column(f"{escape(version.candidate)} (v{version.version})", justify="right")
    if other is not None:
        chosen = other.request.version
        table.add_column(f"champion {escape(chosen.candidate)} (v{chosen.version})", justify="right")
    for label, name, form in _FIGURES:
        cells = [_figure(r.request.version.figures, name, form) for r in (review, other) if r is not None]
        table.add_row(label, *cells)
    console.print(table)
    if other is None and review.standing != "champion":
        console.print("there is no champion to compare with", style="dim")
    elif other is not None and other.request.version.digests.data != version.digests.data:
        console.print("[yellow]The champion's figures come from another data version: not comparable.[/]")
    facts = {
        "run": f"{version.run} by {review.request.author}, opened {review.opened:%Y-%m-%d %H:%M} UTC",
        "recipe": version.recipe,
        **_binding(review),
        "code": str(version.code),
        **version.digests.model_dump(),
        "report": review.request.report or "-",
        "MLflow run": version.mlflow_run,
        "ZenML": review.request.zenml.model_version if review.request.zenml else "-",
    }
    for name, value in facts.items():
        console.print(f"[dim]{name:>10}[/]  {escape(value)}", soft_wrap=True, highlight=False)
    _print_decision(console, review)


def print_outcome(console: Console, outcome: Outcome) -> None:
    """What was decided or is missing for it, what changed, and the champion now."""
    review = outcome.review
    if review.decision is None:
        _print_votes(console, review)
        more = plural(outcome.missing, "more approval")
        console.print(f"{review.id} awaits {more} of other people; nothing is promoted yet", highlight=False)
    else:
        _print_decision(console, review)
    for change in outcome.changes:
        console.print(f"  {escape(change)}", highlight=False)
    model = review.request.version.model
    now = f"version {outcome.champion}" if outcome.champion is not None else "none"
    before = f" (before: version {outcome.previous})" if outcome.previous not in (None, outcome.champion) else ""
    console.print(f"[bold]champion of {escape(model)}: {now}[/]{before}", highlight=False)


def _binding(review: Review) -> dict[str, str]:
    """What the gate said, the policy, and until when: as far as the request has them."""
    request, rules = review.request, review.request.policy.decision if review.request.policy else None
    facts = {"gate": request.outcome, "dossier": request.dossier, "policy": request.policy_digest}
    if rules is not None:
        who = ", ".join(rules.reviewers) or "anyone"
        author = "" if rules.self_approval else ", not the author"
        facts["decided by"] = f"{rules.quorum} of {who}{author}" if rules.quorum > 1 else f"{who}{author}"
    if review.decision is None and review.expires is not None:
        facts["expires"] = f"{review.expires:%Y-%m-%d %H:%M} UTC"
    return {name: value for name, value in facts.items() if value is not None}


def _print_votes(console: Console, review: Review) -> None:
    for vote in review.votes:
        line = f"approved by {escape(vote.actor)} on {vote.time:%Y-%m-%d %H:%M} UTC{_marks(vote)}"
        console.print(f"{review.id} {line}: {escape(vote.reason)}", soft_wrap=True, highlight=False)


def _print_decision(console: Console, review: Review) -> None:
    decision = review.decision
    if decision is None:
        console.print("")
        _print_votes(console, review)
        override = " --override" if review.request.outcome == "blocked" else ""
        if review.expired(datetime.now(UTC)):
            console.print("[red]It has expired[/]: run the pipeline again to renew it, or reject it.")
        elif why := unreachable(review.request):
            console.print(f"[red]Nobody can approve it[/]: {escape(why)}", soft_wrap=True, highlight=False)
        else:
            console.print(f'approve: podium review approve {review.id} --reason "…"{override}', highlight=False)
        console.print(f'reject:  podium review reject {review.id} --reason "…"', highlight=False)
        return
    approvers = [vote.actor for vote in review.votes]
    names = ", ".join(approvers if decision.verdict == "approved" else [decision.actor])
    console.print(
        f"{review.id} {decision.verdict} by {escape(names)} on {decision.time:%Y-%m-%d %H:%M} UTC{_marks(decision)}:"
        f" {escape(decision.reason)}",
        soft_wrap=True,
        highlight=False,
    )


def _marks(given: Vote | Decision) -> str:
    marks = [("self-approved", given.self_approved), ("override of the gate", given.override)]
    marks += [("at the desk", given.via == "desk"), (f"named by {given.named_by}", given.named_by is not None)]
    shown = ", ".join(text for text, holds in marks if holds)
    return f" [yellow]({escape(shown)})[/]" if shown else ""


def _standing(review: Review) -> str:
    """In the words of a list: with the votes so far, and what keeps it from being approved."""
    if review.standing != "open":
        return f"[{_COLOURS[review.standing]}]{review.standing}[/]"
    if review.expired(datetime.now(UTC)):
        return f"[{_COLOURS['expired']}]expired[/]"
    rules = review.request.policy.decision if review.request.policy else None
    votes = f" {len(review.votes)}/{rules.quorum}" if rules and (rules.quorum > 1 or review.votes) else ""
    if review.request.outcome == "blocked":
        return f"[{_COLOURS['blocked']}]blocked{votes}[/]"
    return f"[{_COLOURS['open']}]awaiting review{votes}[/]"


def _figure(figures: LeaderboardRow, name: str, form: str) -> str:
    value = getattr(figures, name)
    return "-" if value is None else format(value, form)


def _percent(figures: LeaderboardRow, name: str) -> str:
    value = getattr(figures, name)
    return "-" if value is None else f"{100 * value:.1f}"
