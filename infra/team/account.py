"""Make a service account on a ZenML server and print its key: what the desk, or a schedule, logs in with.

``python account.py NAME`` reads PODIUM_ZENML_SERVER, ZENML_ADMIN and ZENML_ADMIN_PASSWORD from the environment.
``zenml service-account create`` does the same for who is logged in; on a new server nobody is.
"""

from __future__ import annotations

import os
import sys

import requests

SECONDS = 60


def make(server: str, name: str, admin: str, password: str) -> str:
    """The key of a new service account. Raises SystemExit with what the server said."""
    form = {"username": admin, "password": password}
    token = _told(requests.post(f"{server}/api/v1/login", data=form, timeout=SECONDS), "login")["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}

    def post(path: str, **body: object) -> dict:
        answer = requests.post(f"{server}/api/v1/{path}", json=body, headers=bearer, timeout=SECONDS)
        return _told(answer, name)

    account = post("service_accounts", name=name, active=True)
    return str(post(f"service_accounts/{account['id']}/api_keys", name="first")["body"]["key"])


def _told(answer: requests.Response, what: str) -> dict:
    if answer.status_code != 200:
        raise SystemExit(f"{what}: the ZenML server answers {answer.status_code}: {answer.text[:500]}")
    return dict(answer.json())


if __name__ == "__main__":
    env = os.environ
    sys.stdout.write(
        make(env["PODIUM_ZENML_SERVER"], sys.argv[1], env["ZENML_ADMIN"], env["ZENML_ADMIN_PASSWORD"]) + "\n"
    )
