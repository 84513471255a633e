"""Who waits for a retraining is told what it came to, where no review tells: it failed, was blocked, or drift stays."""

from __future__ import annotations

from podium.config.retraining import RetrainingConfig
from podium.digest import digest_json
from podium.notify.notice import RetrainingKind, RetrainingNotice
from podium.notify.outbox import announce
from podium.retraining.history import Entry
from podium.settings import Settings


def tell(settings: Settings, config: RetrainingConfig, entry: Entry | None) -> None:
    """Send the notice of a new entry, if it wants one; what does not go out is logged, and sent again later."""
    notice = notice_of(config, entry) if entry else None
    if notice is not None:
        announce(settings, notice)


def notice_of(config: RetrainingConfig, entry: Entry) -> RetrainingNotice | None:
    """The notice of an entry; None for those that want nobody, or whose review has notices of its own."""
    kind = _kind(entry)
    if kind is None:
        return None
    detail = entry.detail
    causes = [detail["cause"]] if "cause" in detail else detail.get("questions") or detail.get("reasons", [])
    return RetrainingNotice(
        id=digest_json([config.name, entry.id, entry.first.isoformat()]),
        event=entry.id,
        kind=kind,
        time=entry.first,
        retraining=config.name,
        model=config.registry.model,
        run=detail.get("run"),
        candidate=detail.get("selected"),
        reasons=tuple(causes),
    )


def _kind(entry: Entry) -> RetrainingKind | None:
    match entry.event, entry.detail:
        case "failed", _:
            return "retraining_failed"
        case "ended", {"outcome": "blocked", "review": None}:
            return "retraining_blocked"
        case "checked", {"kind": "gave_up"}:
            return "retraining_gave_up"
        case "checked", {"kind": "drift"}:
            return "retraining_drifted"
    return None
