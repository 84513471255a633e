"""The decision log's table, and what a database that holds it has to offer."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Final, Protocol

import sqlalchemy as sa

GENESIS: Final = "0" * 64
"""What the first event names as the hash before it."""


class Store(Protocol):
    """One database that holds the log."""

    place: str
    """As errors tell it: a file, or an address without its password."""
    table: sa.Table

    def reading(self) -> AbstractContextManager[sa.Connection | None]:
        """A connection to read through, while others write; None if there is no log yet. Raises ReviewError."""

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """One transaction of one writer at a time, which sees the latest state; the table is made if need be.

        It is committed at the block's end, and rolled back if the block raises. Raises ReviewError.
        """

    def now(self, connection: sa.Connection) -> datetime:
        """The time in UTC by the clock that all writers share."""


def events_table(name: str, *constraints: sa.Constraint) -> sa.Table:
    """The table of events. Text holds an event to the letter, as its hash covers it."""
    required: dict[str, Any] = {"nullable": False}
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("time", sa.Text, **required),
        sa.Column("kind", sa.Text, **required),
        sa.Column("actor", sa.Text, **required),
        sa.Column("payload", sa.Text, **required),
        sa.Column("previous", sa.Text, unique=True, **required),
        sa.Column("hash", sa.Text, unique=True, **required),
        *constraints,
    )
