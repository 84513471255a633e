"""A desk of one person and one with users, on a real registry."""

from __future__ import annotations

import pytest

from podium.config.desk import DeskConfig, DeskUser, LoginLimits
from podium.desk.context import Desk
from podium.desk.errands import Errands
from podium.desk.identity import Account, Identity
from tests.desk.support import Clock, Page, Passwords, at_once
from tests.registry.fixtures import house, mlflow_database
from tests.registry.support import House

__all__ = ["house", "mlflow_database"]

ME = Identity(user="grace@desk", actor="grace@desk", role="admin")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def alone(house: House, clock: Clock) -> Desk:
    """Without login."""
    origins = frozenset({"http://127.0.0.1:8240", "http://localhost:8240"})
    errands = Errands(start=at_once)
    return Desk(house.settings, DeskConfig(), origins, lambda _: None, alone=ME, clock=clock, errands=errands)


@pytest.fixture
def shared(house: House, clock: Clock) -> Desk:
    """With login, over HTTPS: ada decides (her runs are ada@lab's), bob decides, eve looks, root administers."""
    config = DeskConfig(
        zenml_server="https://zenml.example.org",
        users={"ada": DeskUser(role="reviewer", recorded_as="ada@lab"), "bob": DeskUser(role="reviewer")},
        idle_minutes=30,
        longest_minutes=120,
        login=LoginLimits(per_user=3, per_address=5, window_minutes=15),
    )
    accounts = {name: Account(name=name, is_admin=name == "root") for name in ("ada", "bob", "eve", "root")}
    origins = frozenset({"https://desk.example.org"})
    passwords = Passwords(accounts)
    errands = Errands(start=at_once)
    return Desk(house.settings, config, origins, lambda _: None, authenticator=passwords, clock=clock, errands=errands)


@pytest.fixture
def page(alone: Desk) -> Page:
    return Page(alone)
