"""How often a password may be tried: failures of a user and of an address within a sliding window."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from podium.config.desk import LoginLimits

_LARGEST: Final = 20_000
"""Users and addresses that are remembered; the oldest go first."""


class LoginLimiter:
    """Counts attempts as they begin, so that attempts at the same moment get no more than others.

    Args:
        limits: How many, in which window.
        clock: Seconds, as ``time.monotonic`` counts them.
    """

    def __init__(self, limits: LoginLimits, clock: Callable[[], float]) -> None:
        self._limits, self._clock = limits, clock
        self._window = 60 * limits.window_minutes
        self._attempts: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def begin(self, user: str, address: str) -> int:
        """Count an attempt. Returns 0, or the seconds to wait, and then this one is neither counted nor to be made."""
        keys = self._keys(user, address)
        with self._lock:
            now = self._clock()
            wait = max(self._wait(key, most, now) for key, most in keys.items())
            if wait > 0:
                return math.ceil(wait)
            for key in keys:
                held = self._attempts.pop(key, deque())  # and to the end: used last
                held.append(now)
                self._attempts[key] = held
            while len(self._attempts) > _LARGEST:
                del self._attempts[next(iter(self._attempts))]
        return 0

    def take_back(self, user: str, address: str) -> None:
        """Do not count the attempt after all: the password was right, or nobody could say. Earlier ones still count."""
        with self._lock:
            for key in self._keys(user, address):
                if self._attempts.get(key):
                    self._attempts[key].pop()

    def _keys(self, user: str, address: str) -> dict[tuple[str, str], int]:
        return {("user", user.casefold()): self._limits.per_user, ("address", address): self._limits.per_address}

    def _wait(self, key: tuple[str, str], most: int, now: float) -> float:
        held = self._attempts.get(key, deque())
        while held and now - held[0] >= self._window:
            held.popleft()
        return held[-most] + self._window - now if len(held) >= most else 0.0
