"""A real ZenML server on the loopback device, with password authentication; its administrator is root."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests

from podium.registry.zenml_variables import without_zenml
from tests.ports import free_port

STARTING: Final = 300.0
"""Seconds; it makes its database first."""
ROOT_PASSWORD: Final = "secret of root"
SIGNING_KEY: Final = "0" * 64
"""Of its tokens."""


class ZenmlServer:
    """One that is starting, or has started."""

    def __init__(self, folder: Path, store: str | None = None) -> None:
        """Start it. ``folder`` is made, and gets all that it writes; ``store`` is a database elsewhere."""
        folder.mkdir()
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._log = folder / "log"
        variables = {
            "ZENML_CONFIG_PATH": str(folder / "config"),
            "ZENML_LOCAL_STORES_PATH": str(folder / "stores"),
            "ZENML_STORE_URL": store or f"sqlite:///{folder / 'zenml.db'}",
            "ZENML_ANALYTICS_OPT_IN": "false",
            "ZENML_SERVER_AUTH_SCHEME": "OAUTH2_PASSWORD_BEARER",
            "ZENML_SERVER_DEPLOYMENT_TYPE": "other",
            "ZENML_SERVER_AUTO_ACTIVATE": "true",
            "ZENML_SERVER_JWT_SECRET_KEY": SIGNING_KEY,
            "ZENML_DEFAULT_USER_NAME": "root",
            "ZENML_DEFAULT_USER_PASSWORD": ROOT_PASSWORD,
        }
        command = [sys.executable, "-m", "uvicorn", "zenml.zen_server.zen_server_api:app", "--port", str(port)]
        with self._log.open("w") as output:
            self._process = subprocess.Popen(
                command, env={**without_zenml(os.environ), **variables}, cwd=folder, stdout=output, stderr=output
            )
        self._bearer: dict[str, str] = {}

    def wait(self) -> None:
        """Until it answers; then be its administrator."""
        last = time.monotonic() + STARTING
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()[-3000:]
            assert time.monotonic() < last, self._log.read_text()[-3000:]
            time.sleep(0.2)
        form = {"username": "root", "password": ROOT_PASSWORD}
        answer = requests.post(f"{self.address}/api/v1/login", data=form, timeout=60)
        self._bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:  # it waits for requests under way
            self._process.kill()
            self._process.wait()

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """What it answers to its administrator."""
        address = f"{self.address}/api/v1/{path}"
        answer = requests.request(method, address, json=body or None, headers=self._bearer, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def add_user(self, name: str, password: str) -> str:
        """Make an ordinary user; returns the id."""
        made = self.ask("POST", "users", name=name, password=password, is_admin=False, active=True)
        return str(made["id"])

    def add_service_account(self, name: str) -> str:
        """Make one; returns its API key."""
        made = self.ask("POST", "service_accounts", name=name, active=True)
        key = self.ask("POST", f"service_accounts/{made['id']}/api_keys", name="key")
        return str(key["body"]["key"])

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.address}/health", timeout=5).ok
        except requests.RequestException:
            return False


@contextmanager
def zenml_server(folder: Path, store: str | None = None) -> Iterator[ZenmlServer]:
    """One for the time of the block; it has to be waited for."""
    made = ZenmlServer(folder, store)
    try:
        yield made
    finally:
        made.stop()
