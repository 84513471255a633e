"""The login against a real ZenML server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from infra.team import account
from podium.desk.identity import Account
from podium.desk.zenml_login import ZenmlServerAuthenticator
from podium.orchestration.environment import server_address, without_zenml
from podium.settings import Settings
from tests.conftest import ROOT
from tests.ports import free_port
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


def page(address: str, until: float) -> requests.Response:
    """Once somebody listens."""
    while True:
        try:
            return requests.get(address, timeout=60)
        except requests.ConnectionError:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_the_desk_logs_itself_in(server: ZenmlServer, tmp_path: Path, mlflow_database: Path) -> None:
    """infra/team/desk.sh, as the container and the unit call it."""
    key, port = account.make(server.address, "desk2", "root", ROOT_PASSWORD), free_port()
    state = tmp_path / "state"
    state.mkdir()
    shutil.copyfile(mlflow_database, state / "mlflow.db")
    (tmp_path / "desk.yaml").write_text(f"zenml_server: {server.address}\npromotion: direct\n")
    environment = without_zenml(os.environ) | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "PODIUM_STATE": str(state),
        "PODIUM_ZENML_SERVER": server.address,
        "ZENML_API_KEY": key,
    }
    command = ["sh", ROOT / "infra" / "team" / "desk.sh", f"--port={port}", f"--config={tmp_path / 'desk.yaml'}"]
    with (tmp_path / "log").open("wb") as log:
        desk = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + 600
        while b"review desk:" not in (told := (tmp_path / "log").read_bytes()):
            assert desk.poll() is None, told.decode()
            assert time.monotonic() < until, told.decode()
            time.sleep(0.1)
        assert server_address(Settings(root=ROOT, state=state, tracking_uri="sqlite://")) == server.address
        for place in ("environ", "cmdline"):
            assert key.encode() not in Path(f"/proc/{desk.pid}/{place}").read_bytes()
        assert page(f"http://127.0.0.1:{port}/login", until).status_code == 200
    finally:
        if desk.poll() is None:
            os.killpg(desk.pid, signal.SIGTERM)
        desk.wait(60)
