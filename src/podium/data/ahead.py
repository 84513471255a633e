"""Make the next thing while the present one is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def one_ahead(things: Iterable[T]) -> Iterator[T]:
    """Yield what ``things`` gives, in order; a thread makes the next one meanwhile. Its errors are raised here."""
    iterator = iter(things)
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(_next, iterator)
        while found := following.result():
            following = thread.submit(_next, iterator)
            yield found[0]


def _next(iterator: Iterator[T]) -> tuple[T, ...]:
    """The next thing, and nothing at the end."""
    for thing in iterator:
        return (thing,)
    return ()
