"""The login against a real ZenML server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from podium.desk.identity import Account
from podium.desk.zenml_login import ZenmlServerAuthenticator
from tests.product.zenml_server import ROOT_PASSWORD, ZenmlServer, zenml_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZenmlServer]:
    with zenml_server(tmp_path_factory.mktemp("zenml") / "server") as made:
        made.wait()
        yield made


def test_its_users_and_administrators(server: ZenmlServer) -> None:
    user = server.add_user("ada", "right")
    authenticator = ZenmlServerAuthenticator(server.address)
    assert authenticator.check("root", ROOT_PASSWORD) == Account(name="root", is_admin=True)
    assert authenticator.check("ada", "right") == Account(name="ada", is_admin=False)
    assert authenticator.check("ada", "wrong") is None
    assert authenticator.check("nobody", "right") is None
    assert authenticator.check(user, "right") is None, "the id is no name"
    server.ask("PUT", f"users/{user}", active=False)
    assert authenticator.check("ada", "right") is None
