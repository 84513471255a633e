"""Locks of drivers: only dead ones of the active store are closed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from filelock import FileLock

from podium.orchestration import driver
from podium.orchestration.stopping import stop_training, stopping
from podium.settings import Settings


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    found: list[UUID] = []
    monkeypatch.setattr(driver, "close_run", lambda client, run: found.append(run))
    monkeypatch.setattr(driver, "goes_on", lambda client, run: False)
    return found


def test_only_dead_drivers_of_this_store_are_closed(tmp_path: Path, closed: list[UUID]) -> None:
    client: Any = object()
    here, elsewhere, dead, alive, foreign = (uuid4() for _ in range(5))
    driver.lock_file(tmp_path, here, dead).touch()
    driver.lock_file(tmp_path, elsewhere, foreign).touch()
    for name in ("notes.lock", f"{here}.notes.lock", f"{uuid4()}.lock", f"{here}.x", "guard"):
        (tmp_path / name).touch()
    before = {file.name for file in tmp_path.iterdir()}
    held = driver.lock_file(tmp_path, here, alive)
    with FileLock(held):
        driver.bury(client, tmp_path, here)
        assert closed == [dead]
    after = {file.name for file in tmp_path.iterdir()} - {held.name}
    assert before - after == {driver.lock_file(tmp_path, here, dead).name}


def test_the_second_driver_of_a_run_does_not_close_it(tmp_path: Path, closed: list[UUID]) -> None:
    client: Any = object()
    store, mine, dead = uuid4(), uuid4(), uuid4()
    for run in (mine, dead):
        driver.lock_file(tmp_path, store, run).touch()
    driver.bury(client, tmp_path, store, but=mine)
    assert closed == [dead]
    assert driver.lock_file(tmp_path, store, mine).exists()


def test_a_store_that_does_not_answer_leaves_the_lock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(client: Any, run: UUID) -> None:
        raise ConnectionError("down")

    monkeypatch.setattr(driver, "close_run", fail)
    monkeypatch.setattr(driver, "goes_on", lambda client, run: False)
    client: Any = object()
    store, run = uuid4(), uuid4()
    driver.lock_file(tmp_path, store, run).touch()
    with pytest.raises(ConnectionError):
        driver.bury(client, tmp_path, store)
    assert driver.lock_file(tmp_path, store, run).exists()
    with FileLock(driver.lock_file(tmp_path, store, run), timeout=0):
        pass


def test_a_run_forgets_what_stopped_an_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, where one process makes several runs."""
    store = SimpleNamespace(get_store_info=lambda: SimpleNamespace(id=uuid4()))
    monkeypatch.setattr(driver, "Client", lambda: SimpleNamespace(zen_store=store))
    context = SimpleNamespace(get=lambda: SimpleNamespace(run=SimpleNamespace(id=uuid4())))
    monkeypatch.setattr(driver, "DynamicPipelineRunContext", context)
    stop_training()
    with driver.driving(Settings.from_environment({"PODIUM_STATE": str(tmp_path)})):
        assert not stopping()
        stop_training()
        assert stopping()
