"""The decision log in a PostgreSQL database (14 or later): for several machines, and many writers at once.

An advisory lock of the transaction lets one writer in at a time: unlike ``LOCK TABLE`` it asks for no right but INSERT
and SELECT, and delays neither readers nor backups nor vacuum. Whoever writes without it is held by the constraints:
each event follows the one before, and none is followed twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from podium.registry import postgresql
from podium.registry.log_table import GENESIS, events_table

WRITE_SECONDS: Final = 60
"""What a writer waits for the others; each takes milliseconds."""
_REMEDY: Final = (
    "check that the server runs and lets you in (PGPASSWORD, ~/.pgpass), PODIUM_REVIEWS_URI, and that your role may"
    " read and add to the table podium_events (make it, the first time)"
)
_DIGEST: Final = "^[0-9a-f]{64}$"
_TABLE: Final = events_table(
    "podium_events",
    sa.CheckConstraint("seq > 0", name="podium_events_seq"),
    sa.CheckConstraint("time ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+[+]00:00$'", name="podium_events_time_in_utc"),
    sa.CheckConstraint("kind <> ''", name="podium_events_kind"),
    sa.CheckConstraint("json_typeof(payload::json) = 'object'", name="podium_events_payload"),
    sa.CheckConstraint(f"previous ~ '{_DIGEST}'", name="podium_events_previous_sha256"),
    sa.CheckConstraint(f"hash ~ '{_DIGEST}' AND hash <> '{GENESIS}'", name="podium_events_hash_sha256"),
    sa.CheckConstraint(f"(seq = 1) = (previous = '{GENESIS}')", name="podium_events_first"),
)
_GUARDS: Final = (
    """
    CREATE OR REPLACE FUNCTION podium_events_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING
            MESSAGE = 'the decision log is append-only: ' || TG_OP || ' is refused', ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION podium_events_follow() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        IF NEW.seq > 1 AND NOT EXISTS (SELECT FROM podium_events WHERE seq = NEW.seq - 1 AND hash = NEW.previous) THEN
            RAISE EXCEPTION USING
                MESSAGE = 'event ' || NEW.seq || ' does not follow the last one', ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    # Of statements, so that one that meets no row is refused, too.
    "CREATE OR REPLACE TRIGGER podium_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON podium_events"
    " FOR EACH STATEMENT EXECUTE FUNCTION podium_events_refuse()",
    "CREATE OR REPLACE TRIGGER podium_events_follows BEFORE INSERT ON podium_events"
    " FOR EACH ROW EXECUTE FUNCTION podium_events_follow()",
    # Also for sessions that say they only repeat another server's work (session_replication_role).
    "ALTER TABLE podium_events ENABLE ALWAYS TRIGGER podium_events_append_only",
    "ALTER TABLE podium_events ENABLE ALWAYS TRIGGER podium_events_follows",
)
_GUARDED: Final = sa.text(
    "SELECT count(*) = 2 FROM pg_trigger WHERE tgrelid = to_regclass('podium_events') AND tgenabled = 'A'"
    " AND tgname IN ('podium_events_append_only', 'podium_events_follows')"
)


class PostgresStore:
    """The table ``podium_events`` of the database at an address; it is made by the first write.

    Raises:
        ReviewError: The address is none of PostgreSQL.
    """

    table = _TABLE

    def __init__(self, uri: str) -> None:
        self._url = postgresql.address(uri)
        self.place = postgresql.shown(self._url)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection | None]:
        """See :class:`podium.registry.log_table.Store`; writers do not delay it."""
        with self._reporting(), postgresql.engine(self._url).connect() as connection:
            postgresql.wait_at_most(connection, WRITE_SECONDS, transaction=True)
            exists = connection.scalar(sa.text("SELECT to_regclass('podium_events') IS NOT NULL"))
            yield connection if exists else None

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """See :class:`podium.registry.log_table.Store`."""
        with self._reporting(), postgresql.engine(self._url).begin() as connection:
            postgresql.wait_at_most(connection, WRITE_SECONDS, transaction=True)
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*postgresql.key("log"))))
            if not connection.scalar(_GUARDED):  # under the lock, so that one process makes the table
                connection.execute(sa.schema.CreateTable(self.table, if_not_exists=True))
                for statement in _GUARDS:
                    connection.execute(sa.text(statement))
            yield connection

    def now(self, connection: sa.Connection) -> datetime:
        """See :class:`podium.registry.log_table.Store`; the server's clock."""
        time: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return time.astimezone(UTC)

    def _reporting(self) -> AbstractContextManager[None]:
        return postgresql.reporting(self._url, "the decision log cannot be used", _REMEDY)
