"""What is left to do once a decision is recorded: carry it out, and tell of it. Here, elsewhere, or later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from podium.config import Frozen
from podium.config.promotion import PromotionPolicy
from podium.notify.outbox import Entry, send
from podium.registry import tracking
from podium.registry.carrying import Carrier
from podium.registry.log import Event, EventLog
from podium.registry.notices import keep_notice
from podium.registry.rules import still_needed
from podium.registry.state import Review, fold
from podium.registry.sync import Mirror, carry_out
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


class Outcome(Frozen):
    """What a decision did."""

    event: int
    """The vote's or decision's, in the log."""
    review: Review
    champion: int | None
    """The promoted version now."""
    previous: int | None
    """The promoted version before."""
    changes: tuple[str, ...]
    """Empty while the decision is still to be carried out."""
    missing: int = 0
    """Approvals that the review awaits still; 0: it is decided."""
    warnings: tuple[str, ...] = ()
    """Notices that did not go out."""


class Later(Protocol):
    """Takes a recorded decision, to finish it soon: :meth:`Recorded.finish`."""

    def __call__(self, recorded: Recorded) -> None:
        """Must not wait for it."""


@dataclass(frozen=True)
class Recorded:
    """A vote or a decision that stands in the log. Whatever happens to the rest, the next call carries it out."""

    settings: Settings
    client: MlflowClient
    review: Review
    """As it was before."""
    events: tuple[Event, ...]
    """The log up to this one."""
    previous: int | None
    """The champion before."""
    actor: str
    in_force: PromotionPolicy
    mirror: Mirror | None = None
    carrier: Carrier | None = None
    _notice: list[Entry | None] = field(default_factory=list)

    @property
    def decision(self) -> Event:
        """Its event."""
        return self.events[-1]

    @property
    def model(self) -> str:
        """The registered model's name."""
        return self.review.request.version.model

    def keep_notice(self) -> None:
        """Keep what people are to be told, so that a crash does not lose it."""
        if not self._notice:
            self._notice.append(keep_notice(self.settings, self.events))

    def carry_out_here(self, *, verified: int | None = None) -> None:
        """Move aliases and stages in this process. The caller holds the registry's lock.

        Args:
            verified: The version, if it was compared with its review under this very lock.

        Raises:
            ReviewError: What is to be promoted is not what was approved.
            RegistryError: The registry, or the mirror, is out of reach; the decision stands.
        """
        if self.decision.kind != "voted":
            log = EventLog(self.settings.reviews)
            who, mirror = self.actor, self.mirror
            carry_out(self.settings, self.client, log, self.model, actor=who, mirror=mirror, verified=verified)

    def carry_out(self) -> None:
        """The same, by the carrier if there is one that does it; takes the lock itself.

        Raises:
            ReviewError: The carrier says that it must not be done, or as above.
            RegistryError: As above.
        """
        if self.decision.kind == "voted" or (self.carrier and self.carrier(self.review, self.decision.seq)):
            return
        with tracking.registry_lock(self.settings):
            self.carry_out_here()

    def tell(self) -> tuple[str, ...]:
        """Send the notice; returns warnings of what did not go out."""
        self.keep_notice()
        (entry,) = self._notice
        return send(self.settings, entry) if entry else ()

    def finish(self) -> Outcome:
        """Carry it out, and tell of it in any case. Raises as :meth:`carry_out`."""
        warnings: tuple[str, ...] = ()
        try:
            self.carry_out()
        finally:  # a decision that could not be mirrored stands, too
            warnings = self.tell()
        return self.outcome(warnings)

    def outcome(self, warnings: tuple[str, ...] = ()) -> Outcome:
        """As the log has it now."""
        events = EventLog(self.settings.reviews).events()
        state = fold(events, self.model)
        review = state.reviews[self.review.version]
        return Outcome(
            event=self.decision.seq,
            review=review,
            champion=state.champion,
            previous=self.previous,
            changes=self._changes(events),
            missing=still_needed(review, self.in_force),
            warnings=warnings,
        )

    def _changes(self, events: tuple[Event, ...]) -> tuple[str, ...]:
        """What was changed when the decision was carried out, here or elsewhere; nothing for a vote."""
        done = (event.payload for event in events if event.kind == "applied" and event.seq > self.decision.seq)
        mine = (told["changes"] for told in done if told["model"] == self.model and self.decision.kind != "voted")
        return tuple(next(mine, ()))
