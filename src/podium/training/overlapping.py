"""A setting of the whole process that several trainings in threads of it want at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Overlapping(Generic[T]):
    """Made when the first of several overlapping uses begins, and undone when the last of them ends.

    Args:
        begin: Makes the setting; returns what ``end`` needs to undo it.
        end: Undoes it.
    """

    def __init__(self, begin: Callable[[], T], end: Callable[[T], None]) -> None:
        self._begin, self._end = begin, end
        self._lock = threading.Lock()
        self._uses: list[T] = []
        """One entry a use, all of them what the first one's ``begin`` returned."""

    @contextmanager
    def __call__(self) -> Iterator[T]:
        """Use it; gives what ``begin`` returned."""
        with self._lock:
            self._uses.append(self._uses[0] if self._uses else self._begin())
            before = self._uses[0]
        try:
            yield before
        finally:
            with self._lock:
                self._uses.pop()
                if not self._uses:
                    self._end(before)
