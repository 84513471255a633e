"""The login against a real ZenML server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from infra.team import account
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


def test_the_desks_own_account(server: ZenmlServer) -> None:
    """As infra/team makes it on a new server: its key lets it in, and is no way in for people."""
    key = account.make(server.address, "desk", "root", ROOT_PASSWORD)
    form = {"grant_type": "zenml-api-key", "password": key}
    answer = requests.post(f"{server.address}/api/v1/login", data=form, timeout=60)
    assert answer.status_code == 200, answer.text
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    me = requests.get(f"{server.address}/api/v1/current-user", headers=bearer, timeout=60).json()
    assert (me["name"], me["body"]["is_service_account"]) == ("desk", True)
    assert ZenmlServerAuthenticator(server.address).check("desk", key) is None
    with pytest.raises(SystemExit, match="desk: the ZenML server answers 409"):
        account.make(server.address, "desk", "root", ROOT_PASSWORD)
    with pytest.raises(SystemExit, match="login: the ZenML server answers 401"):
        account.make(server.address, "other", "root", "wrong")
