"""The JSON in which reviews are shown, on the command line and elsewhere; stable and documented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from podium.registry.promotion import Outcome
from podium.registry.reviews import Overview
from podium.registry.state import Review


def review_json(review: Review) -> dict[str, Any]:
    """One review.

    ``{"id", "model", "version", "status": "open|expired|approved|rejected", "standing":
    "open|champion|retired|rejected", "opened", "renewed": null or time, "expires": null or time, "expired",
    "author", "run", "candidate", "recipe", "figures": {a leaderboard row}, "digests": {"model", "package", "data",
    "code", "config", "evidence"}, "code": {"commit", "dirty"}, "dvc", "report", "mlflow_run",
    "zenml_model_version", "outcome": null or "promote-eligible|needs-review-with-warnings|blocked", "dossier",
    "policy": its digest, "rules": null or the policy's section ``decision``, "event", "votes": [{"event", "time",
    "actor", "reason", "self_approved", "override", "via", "process"}], "decision": null or the same with
    "verdict"}``. Times are ISO 8601 in UTC.
    """
    version, policy, expired = review.request.version, review.request.policy, review.expired(datetime.now(UTC))
    return {
        "id": review.id,
        "model": version.model,
        "version": version.version,
        "status": review.decision.verdict if review.decision else "expired" if expired else "open",
        "standing": review.standing,
        "opened": review.opened.isoformat(),
        "renewed": review.renewed.isoformat() if review.renewed else None,
        "expires": review.expires.isoformat() if review.expires else None,
        "expired": expired,
        "author": review.request.author,
        "run": version.run,
        "candidate": version.candidate,
        "recipe": version.recipe,
        "figures": version.figures.model_dump(mode="json"),
        "digests": version.digests.model_dump(),
        "code": version.code.model_dump(),
        "dvc": version.dvc,
        "report": review.request.report,
        "mlflow_run": version.mlflow_run,
        "zenml_model_version": review.request.zenml.model_version if review.request.zenml else None,
        "outcome": review.request.outcome,
        "dossier": review.request.dossier,
        "policy": review.request.policy_digest,
        "rules": policy.decision.model_dump(mode="json") if policy else None,
        "event": review.event,
        "votes": [vote.model_dump(mode="json") for vote in review.votes],
        "decision": review.decision.model_dump(mode="json") if review.decision else None,
    }


def list_json(overviews: tuple[Overview, ...], *, include_all: bool) -> dict[str, Any]:
    """``{"champions": {MODEL: VERSION or null}, "reviews": [as review_json, newest first], "expired": [ID],
    "findings": [text]}``: reviews that await a decision, or all; ``expired`` are requests that can only be rejected.
    """
    found, now = [review for overview in overviews for review in overview.reviews], datetime.now(UTC)
    return {
        "champions": {overview.model: overview.champion for overview in overviews},
        "reviews": [review_json(review) for review in found if include_all or review.waiting(now)],
        "expired": [review.id for review in found if review.expired(now)],
        "findings": [finding for overview in overviews for finding in overview.findings],
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """``{"review": as review_json, "champion": VERSION or null, "previous": VERSION or null, "changes": [text],
    "missing": APPROVALS that it awaits still, "warnings": [text]}``.
    """
    return {
        "review": review_json(outcome.review),
        "champion": outcome.champion,
        "previous": outcome.previous,
        "changes": list(outcome.changes),
        "missing": outcome.missing,
        "warnings": list(outcome.warnings),
    }
