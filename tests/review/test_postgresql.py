"""Votes on a decision log in PostgreSQL: the same tests as on SQLite."""

from __future__ import annotations

import pytest

from tests.registry.postgres import Database
from tests.review import test_votes
from tests.review.made import Office

pytestmark = pytest.mark.slow


@pytest.fixture
def office(office: Office, database: Database) -> Office:
    """Its log on the server; what is not of the log stays in the folder."""
    office.settings = office.settings.model_copy(update={"reviews_uri": database.uri})
    return office


class TestQuorum(test_votes.TestQuorum):
    pass


class TestOldLogs(test_votes.TestOldLogs):
    pass
