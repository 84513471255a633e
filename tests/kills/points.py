"""Places where a process that writes can be killed: before and after everything that another process sees."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from mlflow import MlflowClient

KINDS: Final = ("client", "files", "log", "sql")
"""A write of MLflow's client, a rename, a statement of the decision log, a statement of MLflow's store."""
_CLIENT: Final = (
    "create_run", "log_batch", "set_terminated", "log_artifacts", "create_registered_model", "create_model_version",
    "set_model_version_tag", "set_registered_model_alias", "delete_registered_model_alias",
)  # fmt: skip
_STATEMENTS: Final = ("INSERT", "UPDATE", "DELETE", "COMMIT", "BEGIN")


class Points:
    """Counts the places that this process reaches, and kills it at one of them.

    Args:
        kind: Of :data:`KINDS`; None: at none.
        number: Which of that kind, from 1.
        tell: Is called with the place's name just before.
    """

    def __init__(self, kind: str | None, number: int, tell: Callable[[str], None]) -> None:
        self.reached: Counter[str] = Counter()
        self._kind, self._number, self._tell = kind, number, tell
        self._last: tuple[str, str] | None = None

    def install(self) -> None:
        """From now on, in this process."""
        os.replace = self._around("files", "rename", os.replace)  # type: ignore[assignment]
        for name in _CLIENT:
            setattr(MlflowClient, name, self._around("client", name, getattr(MlflowClient, name)))
        sa.event.listen(sa.Engine, "before_cursor_execute", self._before)
        sa.event.listen(sa.Engine, "after_cursor_execute", self._after)
        sa.event.listen(sa.Engine, "commit", self._commit)

    def _reach(self, kind: str, place: str) -> None:
        self.reached[kind] += 1
        if (kind, self.reached[kind]) == (self._kind, self._number):
            self._tell(place)
            os.kill(os.getpid(), signal.SIGKILL)

    def _around(self, kind: str, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self._reach(kind, f"before {name}")
            result = function(*arguments, **options)
            self._reach(kind, f"after {name}")
            return result

        return call

    def _before(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        self._at("before", statement)

    def _after(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        self._at("after", statement)

    def _at(self, when: str, statement: str) -> None:
        words = statement.split()
        if words and words[0].upper() in _STATEMENTS:
            ours = {"events", "podium_events"} & set(words) or words[0] in ("BEGIN", "COMMIT")  # MLflow's are no texts
            name = " ".join(words[: 2 if words[0] == "UPDATE" else 3])
            self._last = ("log" if ours else "sql", name) if words[0] != "COMMIT" else None
            self._reach("log" if ours else "sql", f"{when} {name}")

    def _commit(self, connection: Any) -> None:
        if self._last is not None:  # else the transaction only read
            kind, statement = self._last
            self._last = None
            self._reach(kind, f"before the commit of {statement}")


def drawn(rng: Any, reached: Mapping[str, int]) -> tuple[str, int]:
    """A place of an operation that reaches so many of each kind: first the kind, so that rare ones are met as well."""
    kinds = sorted(kind for kind, count in reached.items() if count)
    kind = rng.choice(kinds)
    return kind, rng.randint(1, reached[kind])
