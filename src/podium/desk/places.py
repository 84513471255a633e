"""How many requests may do heavy work at once: others are refused, instead of taking the threads that answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from podium.desk.refusals import Refused


class Places:
    """A number of places for heavy work.

    Args:
        number: Of requests at once.
        wait: Seconds after which whoever was refused may ask again.
    """

    def __init__(self, number: int, wait: int) -> None:
        self._free, self._wait = threading.BoundedSemaphore(number), wait

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place for a block. Raises Refused (503, with ``Retry-After``) if none is free."""
        if not self._free.acquire(blocking=False):
            raise Refused(
                503,
                "the desk is computing for others just now",
                remedy=f"load the page again in {self._wait} seconds",
                headers={"Retry-After": str(self._wait)},
            )
        try:
            yield
        finally:
            self._free.release()
