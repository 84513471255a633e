"""What the pages work with: the installation, who may log in, and the secrets of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from podium.config.desk import DeskConfig
from podium.desk.comparison import Duel, DuelCache
from podium.desk.errands import Errands
from podium.desk.forms import FormTokens
from podium.desk.identity import Authenticator, Identity
from podium.desk.limits import LoginLimiter
from podium.desk.places import Places
from podium.desk.samples import SampleCache
from podium.desk.sessions import Sessions
from podium.registry import tracking
from podium.registry.carrying import Carrier
from podium.registry.state import Review
from podium.registry.sync import Mirror
from podium.settings import Settings

Mirrors = Callable[[str | None], Mirror | None]
"""Gives the mirror in which a review's version stands; the newest one's for None."""
Carriers = Callable[[Callable[[str], None]], Carrier | None]
"""Gives who carries a promotion out, and tells what it has to say by the function; None: this process."""


def no_carrier(_: Callable[[str], None]) -> None:
    """Promotions are carried out by the desk itself."""


@dataclass
class Desk:
    """One desk. Either ``alone`` or ``authenticator`` is given.

    Args:
        settings: Where registry and log are.
        config: Roles, sessions, limits.
        origins: What browsers may call the desk: ``http://127.0.0.1:8240``.
        mirrors: Where decisions are shown as well.
        alone: Who is at the desk without a login: the user of this machine.
        authenticator: Who knows the passwords.
        clock: Seconds, as ``time.monotonic`` counts them.
        carriers: Who carries promotions out.
        errands: What finishes recorded decisions.
    """

    settings: Settings
    config: DeskConfig
    origins: frozenset[str]
    mirrors: Mirrors
    alone: Identity | None = None
    authenticator: Authenticator | None = None
    clock: Callable[[], float] = time.monotonic
    carriers: Carriers = no_carrier
    errands: Errands = field(default_factory=Errands)
    tokens: FormTokens = field(default_factory=FormTokens)
    samples: SampleCache = field(default_factory=SampleCache)
    heavy: Places = field(default_factory=lambda: Places(4, wait=10))
    """For what fetches or predicts: far fewer than the threads that answer (40), so that other pages are answered."""
    audits: Places = field(default_factory=lambda: Places(1, wait=30))
    """For comparing all files: one at a time, and not kept waiting by those who look."""
    compared: DuelCache = field(default_factory=DuelCache)
    sessions: Sessions = field(init=False)
    limiter: LoginLimiter = field(init=False)

    def __post_init__(self) -> None:
        if (self.alone is None) == (self.authenticator is None):
            raise ValueError("a desk has either a login or one user")
        self.sessions = Sessions(
            idle=60 * self.config.idle_minutes, longest=60 * self.config.longest_minutes, clock=self.clock
        )
        self.limiter = LoginLimiter(self.config.login, self.clock)
        self._client: tracking.MlflowClient | None = None
        self._lock = threading.Lock()

    @property
    def secure(self) -> bool:
        """Whether browsers speak HTTPS with the desk."""
        return all(origin.startswith("https:") for origin in self.origins)

    @property
    def cookie(self) -> str:
        """The cookie's name. With ``__Host-`` a browser takes it from this host alone, over HTTPS alone."""
        return "__Host-podium_desk" if self.secure else "podium_desk"

    def duel(self, review: Review) -> Duel:
        """What the gate said of a review beside the champion. Raises ReviewError or RegistryError."""
        return self.compared.of(self.settings, review)

    def client(self) -> tracking.MlflowClient | None:
        """The registry's client, opened once; None while there is no registry (looking makes none)."""
        with self._lock:
            if self._client is None and tracking.exists(self.settings):
                self._client = tracking.client(self.settings)
            return self._client
