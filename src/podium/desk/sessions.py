"""Sessions, kept in this process: a stolen copy of the memory's keys opens none, and a restart ends them all."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from podium.desk.identity import Identity

LARGEST: Final = 10_000
"""Sessions at a time; the one that was idle longest goes first."""


@dataclass
class _Session:
    identity: Identity
    began: float
    seen: float


class Sessions:
    """Who is logged in.

    Args:
        idle: Seconds without a request after which a session ends.
        longest: Seconds after which it ends in any case.
        clock: Seconds, as ``time.monotonic`` counts them.
    """

    def __init__(self, *, idle: float, longest: float, clock: Callable[[], float]) -> None:
        self._idle, self._longest, self._clock = idle, longest, clock
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def open(self, identity: Identity) -> str:
        """Begin a session; returns its secret, which is never taken from a browser (no fixation)."""
        secret = new_secret()
        with self._lock:
            now = self._clock()
            self._sessions = {key: kept for key, kept in self._sessions.items() if self._alive(kept, now)}
            if len(self._sessions) >= LARGEST:
                del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].seen)]
            self._sessions[_key(secret)] = _Session(identity, now, now)
        return secret

    def find(self, secret: str) -> Identity | None:
        """Whose session it is, which this request prolongs; None if it is over or never was."""
        with self._lock:
            now, session = self._clock(), self._sessions.get(_key(secret))
            if session is None:
                return None
            if not self._alive(session, now):
                del self._sessions[_key(secret)]
                return None
            session.seen = now
            return session.identity

    def close(self, secret: str) -> None:
        """End a session at once."""
        with self._lock:
            self._sessions.pop(_key(secret), None)

    def _alive(self, session: _Session, now: float) -> bool:
        return now - session.seen < self._idle and now - session.began < self._longest


def new_secret() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def _key(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
