"""The password flow of a ZenML server, over its HTTP interface alone."""

from __future__ import annotations

from typing import Final, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, ValidationError

from podium.desk.identity import Account
from podium.errors import DeskError

M = TypeVar("M", bound=BaseModel)
_SECONDS: Final = 15
_REFUSED: Final = (400, 401, 403, 422)


class _Info(BaseModel):
    auth_scheme: str


class _Token(BaseModel):
    access_token: str


class _Body(BaseModel):
    is_admin: bool
    active: bool
    is_service_account: bool


class _User(BaseModel):
    name: str
    body: _Body


class ZenmlServerAuthenticator:
    """Users of the ZenML server at ``address``; an :class:`podium.desk.identity.Authenticator`.

    The access token is used once, to ask who its bearer is and whether they are an administrator.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def check(self, user: str, password: str) -> Account | None:
        """As the protocol says. Service accounts and users that are not active are refused.

        Raises:
            DeskError: The server does not answer, or takes any password for right.
        """
        with requests.Session() as session:
            session.trust_env = not _is_loopback(self._address)  # no proxy gets what stays on this machine
            self._check_scheme(session)
            form = {"grant_type": "password", "username": user, "password": password}
            answer = self._ask(session, "POST", "/api/v1/login", data=form)
            if answer.status_code in _REFUSED:
                return None
            token = self._read(_Token, answer).access_token
            session.cookies.clear()
            bearer = {"Authorization": f"Bearer {token}"}
            found = self._read(_User, self._ask(session, "GET", "/api/v1/current-user", headers=bearer))
        if found.name != user or not found.body.active or found.body.is_service_account:
            return None  # ZenML takes an account's id for its name as well, which would get around the limits
        return Account(name=found.name, is_admin=found.body.is_admin)

    def _check_scheme(self, session: requests.Session) -> None:
        """A server without authentication gives everybody the token of its default user."""
        scheme = self._read(_Info, self._ask(session, "GET", "/api/v1/info")).auth_scheme
        if scheme != "OAUTH2_PASSWORD_BEARER":
            raise self._failed(f"its authentication scheme is {scheme}, not OAUTH2_PASSWORD_BEARER")

    def _ask(self, session: requests.Session, method: str, path: str, **arguments: object) -> requests.Response:
        try:  # a redirect could carry the password elsewhere
            return session.request(
                method,
                self._address + path,
                timeout=_SECONDS,
                allow_redirects=False,
                **arguments,  # type: ignore[arg-type]
            )
        except requests.RequestException as error:
            raise self._failed(type(error).__name__) from error

    def _read(self, model: type[M], answer: requests.Response) -> M:
        if answer.status_code != requests.codes.ok:
            raise self._failed(f"status {answer.status_code}")
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            raise self._failed("not the answer of a ZenML server") from error

    def _failed(self, why: str) -> DeskError:
        return DeskError(
            f"nobody can log in: the ZenML server at {self._address} does not answer as expected ({why})",
            remedy="check zenml_server in the desk's configuration, and that the server is up",
        )


def _is_loopback(address: str) -> bool:
    return urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")
