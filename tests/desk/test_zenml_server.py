"""The login against a real ZenML server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from podium.desk.identity import Account
from podium.desk.zenml_login import ZenmlServerAuthenticator
from podium.registry.zenml_variables import without_zenml

pytestmark = pytest.mark.slow

STARTING = 300.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A ZenML server with password authentication, a database of its own, and the administrator root."""
    folder = tmp_path_factory.mktemp("zenml-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {
        "ZENML_CONFIG_PATH": str(folder / "config"),
        "ZENML_LOCAL_STORES_PATH": str(folder / "stores"),
        "ZENML_STORE_URL": f"sqlite:///{folder / 'zenml.db'}",
        "ZENML_ANALYTICS_OPT_IN": "false",
        "ZENML_SERVER_AUTH_SCHEME": "OAUTH2_PASSWORD_BEARER",
        "ZENML_SERVER_DEPLOYMENT_TYPE": "other",
        "ZENML_SERVER_AUTO_ACTIVATE": "true",
        "ZENML_SERVER_JWT_SECRET_KEY": "0" * 64,
        "ZENML_DEFAULT_USER_NAME": "root",
        "ZENML_DEFAULT_USER_PASSWORD": "secret of root",
    }
    command = [sys.executable, "-m", "uvicorn", "zenml.zen_server.zen_server_api:app", "--port", str(port)]
    log = folder / "log"
    with log.open("w") as output:
        environment = {**without_zenml(os.environ), **variables}
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=output)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(process, address, log)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    last = time.monotonic() + STARTING
    while time.monotonic() < last:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            if requests.get(f"{address}/health", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.5)
    raise TimeoutError(log.read_text()[-3000:])


def test_its_users_and_administrators(server: str) -> None:
    form = {"username": "root", "password": "secret of root"}
    token = requests.post(f"{server}/api/v1/login", data=form, timeout=60).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    ada = {"name": "ada", "password": "right", "is_admin": False, "active": True}
    made = requests.post(f"{server}/api/v1/users", json=ada, headers=bearer, timeout=60)
    assert made.status_code == 200, made.text
    authenticator = ZenmlServerAuthenticator(server)
    assert authenticator.check("root", "secret of root") == Account(name="root", is_admin=True)
    assert authenticator.check("ada", "right") == Account(name="ada", is_admin=False)
    assert authenticator.check("ada", "wrong") is None
    assert authenticator.check("nobody", "right") is None
    assert authenticator.check(made.json()["id"], "right") is None, "the id is no name"
    gone = requests.put(
        f"{server}/api/v1/users/{made.json()['id']}", json={"active": False}, headers=bearer, timeout=60
    )
    assert gone.status_code == 200, gone.text
    assert authenticator.check("ada", "right") is None
