"""The fixtures of the reviews: a real registry, and one that keeps aliases in memory."""

from pathlib import Path

import pytest

from podium.registry import audit, promotion, sync
from tests.registry.fixtures import database, house, mlflow_database, postgres_server
from tests.review.made import Office, make_office

__all__ = ["database", "house", "mlflow_database", "office", "postgres_server"]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Versions without artifacts: what compares these does nothing."""
    for module in (promotion, audit, sync):
        monkeypatch.setattr(module, "verify_request", lambda *_: None)
    return make_office(tmp_path)
