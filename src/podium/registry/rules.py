"""The rules of decisions, as the policy that a request is bound to has them: pure functions of log, policy and time."""

from __future__ import annotations

from datetime import datetime

from podium.config.decision import DecisionPolicy, named
from podium.config.promotion import PromotionPolicy
from podium.config.promotion_file import policy_digest
from podium.errors import ReviewError
from podium.registry.request import Request
from podium.registry.state import Review

_RENEW = (
    "run the pipeline again: finished steps come from the cache, and the review is renewed under the policy in force"
)


def policy_of(request: Request, in_force: PromotionPolicy) -> DecisionPolicy:
    """The rules that a request is bound to; those in force where it was opened before there were any."""
    return (request.policy or in_force).decision


def still_needed(review: Review, in_force: PromotionPolicy) -> int:
    """Approvals that are missing for the quorum; 0 if the review is decided."""
    return 0 if review.decision else max(1, policy_of(review.request, in_force).quorum - len(review.votes))


def unreachable(request: Request) -> str | None:
    """Why nobody can approve a request as it is, or None: a policy may suit all runs but those of one author."""
    if request.policy is None:
        return None
    rules = request.policy.decision
    blocked = request.outcome == "blocked"
    names = rules.overrides if blocked else rules.reviewers
    if not names and not blocked:
        return None
    eligible = [name for name in names if rules.self_approval or not rules.same(name, request.author)]
    if len(eligible) >= rules.quorum:
        return None
    who = ", ".join(eligible) or "nobody"
    return f"{rules.quorum} approval(s) are needed, and {who} may give one" + (
        ": the gate blocks it" if blocked else ""
    )


def check_approval(
    review: Review, actor: str, *, override: bool, seen: int | None, in_force: PromotionPolicy, now: datetime
) -> None:
    """Refuse an approval that the rules do not allow.

    Args:
        review: As the log has it at this moment.
        actor: Who approves.
        override: Whether they say that they approve although the gate blocks.
        seen: The event of the request that they were shown; null: whichever there is.
        in_force: The policy in the checkout now.
        now: The moment of the decision, UTC.

    Raises:
        ReviewError: Decided already, bound to another policy or request, expired, approved by this person before, or
            not theirs to approve.
    """
    check_rejection(review, actor, seen=seen, in_force=in_force)
    bound, now_in_force = review.request.policy_digest, policy_digest(in_force)
    if bound is not None and bound != now_in_force:
        raise ReviewError(
            f"{review.id} is bound to promotion policy {bound[:12]}, and the one in force is {now_in_force[:12]}",
            remedy=_RENEW,
        )
    _check_vote(review, actor, policy_of(review.request, in_force), override=override, now=now)


def _check_vote(review: Review, actor: str, rules: DecisionPolicy, *, override: bool, now: datetime) -> None:
    """What the rules alone say of an approval."""
    if review.expired(now):
        raise ReviewError(f"{review.id} expired on {review.expires:%Y-%m-%d %H:%M} UTC", remedy=_RENEW)
    for vote in review.votes:
        if rules.same(actor, vote.actor):
            raise ReviewError(
                f"{review.id}: {vote.actor} has approved it already, on {vote.time:%Y-%m-%d %H:%M} UTC"
                f" ({len(review.votes)} of {rules.quorum} approvals)",
                remedy="another person has to approve it, too",
            )
    if rules.same(actor, review.request.author) and not rules.self_approval:
        raise ReviewError(
            f"{review.id}: {actor} is the author of run {review.request.version.run}, and the policy lets no author"
            " approve their own",
            remedy="have another reviewer approve it; the author may reject it",
        )
    _check_override(review, actor, rules, override)


def check_champion(review: Review, champion: int | None) -> None:
    """Raise ReviewError if the champion is another than the one that the gate held the candidate against."""
    request = review.request
    if request.dossier is not None and request.against != champion:
        then, now = (f"version {version}" if version is not None else "none" for version in (request.against, champion))
        raise ReviewError(
            f"{review.id}: the champion has changed since the gate judged it (then {then}, now {now})", remedy=_RENEW
        )


def check_rejection(review: Review, actor: str, *, seen: int | None, in_force: PromotionPolicy) -> None:
    """Refuse a rejection that the rules do not allow.

    It promotes nothing, so an expired request may be rejected, one bound to a policy that is no longer in force, and
    also by who approved it.

    Raises:
        ReviewError: Decided already, another request than the one seen, or no reviewer by the policy in force.
    """
    if review.decision is not None:
        done = review.decision
        raise ReviewError(
            f"{review.id} is already decided: {done.verdict} by {done.actor} on {done.time:%Y-%m-%d %H:%M} UTC"
            f" ({done.reason})",
            remedy="`podium review rollback` changes the champion; a new run opens a new review",
        )
    if seen is not None and seen != review.event:
        raise ReviewError(
            f"{review.id} was renewed while you looked at it (event {review.event} of the log, not {seen})",
            remedy=f"look at it again: podium review show {review.id}",
        )
    check_reviewer(in_force.decision, actor, review.id)


def faults(review: Review) -> list[str]:
    """What the rules that an approved review was bound to did not allow: nothing, unless something else than this
    module decided. Reviews without a policy of their own cannot be judged. The policy is taken as the log has it:
    keys that came into being later have their defaults, and no part in its digest.
    """
    decision, policy = review.decision, review.request.policy
    if decision is None or decision.verdict != "approved" or policy is None:
        return []
    found = []
    replayed = review.model_copy(update={"decision": None, "votes": ()})
    for vote in review.votes:
        try:
            check_rejection(replayed, vote.actor, seen=None, in_force=policy)
            _check_vote(replayed, vote.actor, policy.decision, override=vote.override, now=vote.time)
        except ReviewError as error:
            found.append(f"vote {vote.event} of the log should not have counted: {error.message}")
        replayed = replayed.model_copy(update={"votes": (*replayed.votes, vote)})
    if len(review.votes) < policy.decision.quorum:
        found.append(
            f"{review.id}: decision {decision.event} of the log rests on {len(review.votes)} of"
            f" {policy.decision.quorum} approvals"
        )
    return found


def check_reviewer(rules: DecisionPolicy, actor: str, subject: str) -> None:
    """Raise ReviewError if the policy names reviewers, and not this one."""
    if rules.reviewers and not named(actor, rules.reviewers):
        raise ReviewError(
            f"{subject}: {actor} is no reviewer; the policy names {', '.join(rules.reviewers)}",
            remedy="have one of them decide, or change decision.reviewers in configs/promotion.yaml",
        )


def _check_override(review: Review, actor: str, rules: DecisionPolicy, override: bool) -> None:
    blocked = review.request.outcome == "blocked"
    if override and not blocked:
        raise ReviewError(f"{review.id}: the gate does not block it", remedy="approve it without an override")
    if not blocked:
        return
    allowed = ", ".join(rules.overrides)
    if not named(actor, rules.overrides):
        raise ReviewError(
            f"{review.id}: the gate blocks it, and {actor} may not override that"
            f" ({f'the policy names {allowed}' if allowed else 'the policy names nobody who may'})",
            remedy="reject it; or have somebody approve it whom decision.overrides in configs/promotion.yaml names",
        )
    if not override:
        raise ReviewError(
            f"{review.id}: the gate blocks it",
            remedy="read why in the dossier; to approve it nevertheless, say so: --override",
        )
