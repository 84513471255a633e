"""Turns reviews into what the templates show. Whatever a review gains (votes, expiry, a verdict) is shown from here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from podium.desk.comparison import Duels, compare, summary
from podium.desk.figures import Figure, figures_of
from podium.desk.progress import Progress
from podium.registry.reviews import Overview
from podium.registry.state import Review
from podium.registry.votes import Decision, Vote
from podium.wording import plural

Tone = Literal["plain", "good", "warm"]
_STANDINGS: Final[dict[str, tuple[str, Tone]]] = {
    "open": ("awaits review", "plain"),
    "champion": ("champion", "good"),
    "retired": ("retired", "plain"),
    "rejected": ("rejected", "warm"),
}


@dataclass(frozen=True)
class Mark:
    """A word or two beside a review's name."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class DecisionView:
    """Who decided, or approved as one of several."""

    verdict: str
    actor: str
    time: str
    reason: str
    self_approved: bool
    override: bool
    named_by: str | None = None
    """Who gave the name to a command."""


@dataclass(frozen=True)
class ReviewView:
    """All that pages tell of a review."""

    id: str
    model: str
    version: int
    candidate: str
    run: str
    author: str
    opened: str
    age: str
    data: str
    marks: tuple[Mark, ...]
    summary: str
    warnings: tuple[str, ...]
    champion: int | None
    """The champion's version that it is compared with."""
    champion_name: str
    incomparable: str
    """Why nothing of the two can be compared; empty if something can."""
    figures: tuple[Figure, ...]
    lead: Figure
    """The figure that the inbox shows."""
    facts: tuple[tuple[str, str], ...]
    decision: DecisionView | None
    votes: tuple[DecisionView, ...]
    """Approvals of a request that awaits more."""
    missing: int
    """Approvals that would promote it; 0 if it is decided."""
    expires: str
    """Until when it can be approved; empty if for ever, or if it is decided."""
    expired: bool
    blocked: bool
    """Whether the gate blocks it, so that an approval is an override."""
    judged: bool
    """Whether the gate judged it, so that there is a dossier."""
    event: int
    """The log's event that holds the request: what a decision is about."""
    progress: Progress | None
    """How far the decision is; None without one."""


def present(
    review: Review,
    champion: Review | None,
    *,
    duels: Duels | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> ReviewView:
    """One review beside the champion in office (which may be this very version).

    Args:
        review: The review.
        champion: The promoted version's review, if there is one.
        duels: Reads what the gate said of the two.
        now: Defaults to the current time, in UTC.
        progress: Of its decision.
    """
    version, other = review.request.version, champion if champion and champion.id != review.id else None
    comparison = compare(review, other, duels)
    figures = figures_of(review, other, comparison)
    moment_now = now or datetime.now(UTC)
    decision, rules = review.decision, review.request.policy.decision if review.request.policy else None
    quorum = rules.quorum if rules else 1
    expired = review.expired(moment_now)
    warnings = []
    if expired:
        warnings.append("The request has expired: a run of the pipeline renews it; until then it can only be rejected.")
    if decision is None and review.request.outcome == "blocked":
        warnings.append(
            "The gate blocks this candidate: to approve it overrides the gate, which the policy must allow."
        )
    if comparison.apart:
        what = "Figures beside the champion's" if comparison.void else "Figures that the gate did not compare"
        warnings.append(f"{what} cannot be compared: {comparison.apart}.")
    if version.code.dirty:
        warnings.append("The code had changes that no commit holds.")
    return ReviewView(
        id=review.id,
        model=version.model,
        version=version.version,
        candidate=version.candidate,
        run=version.run,
        author=review.request.author,
        opened=moment(review.opened),
        age=ago(moment_now - review.opened),
        data=version.digests.data[:12],
        marks=_marks(review, quorum, progress, expired=expired),
        summary=summary(review, other, comparison, promoting=progress is not None and progress.state != "done"),
        warnings=tuple(warnings),
        champion=other.version if other else None,
        champion_name=other.request.version.candidate if other else "",
        incomparable=comparison.void,
        figures=figures,
        lead=figures[0],
        facts=_facts(review),
        decision=_given(decision, decision.verdict) if decision else None,
        votes=tuple(_given(vote, "approved") for vote in review.votes if not decision or vote.event != decision.event),
        missing=0 if decision else max(1, quorum - len(review.votes)),
        expires=moment(review.expires) if review.expires and not decision else "",
        expired=expired,
        blocked=review.request.outcome == "blocked",
        judged=review.request.dossier is not None,
        event=review.event,
        progress=progress,
    )


def inbox(
    overviews: tuple[Overview, ...],
    under_way: Collection[int] = (),
    *,
    duels: Duels | None = None,
    now: datetime | None = None,
) -> tuple[ReviewView, ...]:
    """All reviews: those that await a decision first, then the others; newest first.

    Args:
        overviews: Of all models.
        under_way: Events of decisions that are being carried out.
        duels: Reads what the gate said.
        now: Defaults to the current time, in UTC.
    """

    def view(review: Review, champion: Review | None, pending: Collection[int]) -> ReviewView:
        event = review.decision.event if review.decision else 0
        progress = Progress("under way" if event in under_way else "left") if event in pending else None
        return present(review, champion, duels=duels, now=now, progress=progress)

    shown = []
    for overview in overviews:
        champion = next((review for review in overview.reviews if review.version == overview.champion), None)
        shown += [(review, view(review, champion, overview.pending)) for review in overview.reviews]
    shown.sort(key=lambda pair: (pair[0].decision is not None, -pair[0].opened.timestamp()))
    return tuple(view for _, view in shown)


def moment(time: datetime) -> str:
    """``2026-11-21 21:58 UTC``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def ago(age: timedelta) -> str:
    """``just now``, ``12 minutes ago``, ``3 days ago``."""
    minutes = int(age.total_seconds()) // 60
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{plural(minutes, 'minute')} ago"
    return f"{plural(minutes // 60, 'hour')} ago" if minutes < 48 * 60 else f"{plural(minutes // 1440, 'day')} ago"


def _marks(review: Review, quorum: int, progress: Progress | None, *, expired: bool) -> tuple[Mark, ...]:
    """Standing, the gate's word, the votes, and what is particular about the decision."""
    decision, outcome = review.decision, review.request.outcome
    marks = [Mark("expired", "warm") if expired else Mark(*_STANDINGS[review.standing])]
    if progress is not None and progress.state != "done" and review.standing == "champion":
        marks = [Mark("being promoted") if progress.state == "under way" else Mark("not promoted yet", "warm")]
    if decision is None and (quorum > 1 or review.votes):
        marks.append(Mark(f"{len(review.votes)} of {plural(quorum, 'approval')}"))
    if outcome is not None:
        marks.append(Mark(f"gate: {outcome}", "good" if outcome == "promote-eligible" else "warm"))
    if decision is not None and decision.self_approved:
        marks.append(Mark("self-approved", "warm"))
    if decision is not None and decision.override:
        marks.append(Mark("override of the gate", "warm"))
    return tuple(marks)


def _given(said: Decision | Vote, verdict: str) -> DecisionView:
    marks = said.self_approved, said.override, said.named_by
    return DecisionView(verdict, said.actor, moment(said.time), said.reason, *marks)


def _facts(review: Review) -> tuple[tuple[str, str], ...]:
    version, zenml = review.request.version, review.request.zenml
    request = review.request
    rules = request.policy.decision if request.policy else None
    who = f"{plural(rules.quorum, 'approval')} of {', '.join(rules.reviewers) or 'anyone'}" if rules else "–"
    facts = [
        ("gate", request.outcome or "–"),
        ("decided by", who if rules is None or rules.self_approval else f"{who}, not the author"),
        ("expires", moment(review.expires) if review.expires and not review.decision else "–"),
        ("policy digest", request.policy_digest or "–"),
        ("dossier digest", request.dossier or "–"),
        ("run", f"{version.run}, by {review.request.author}"),
        ("recipe", version.recipe),
        ("code", str(version.code)),
        *((f"{name} digest", value) for name, value in version.digests.model_dump().items()),
        ("DVC", version.dvc or "–"),
        ("MLflow run", version.mlflow_run),
        ("ZenML model version", zenml.model_version if zenml else "–"),
    ]
    return tuple(facts)
