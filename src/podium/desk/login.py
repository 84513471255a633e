"""Login and logout. Only where the desk has users; the desk of one person has neither."""

from __future__ import annotations

import logging
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from podium.desk.addresses import own_path
from podium.desk.identity import identify
from podium.desk.pages import page, redirect, set_cookie
from podium.desk.refusals import Refused
from podium.desk.sessions import new_secret
from podium.desk.visitor import Anyone, AnyoneWithForm, Visitor
from podium.errors import DeskError

router = APIRouter()
_log = logging.getLogger(__name__)
_LONGEST = 256


@router.get("/login")
def ask(visitor: Anyone, next: str = "/") -> Response:
    """The form."""
    if visitor.identity is not None:
        return redirect(visitor, own_path(next))
    return page(visitor, "login.html", next=own_path(next), user="", error=None)


@router.post("/login")
def log_in(visitor: AnyoneWithForm, request: Request) -> Response:
    """Ask who knows the passwords; a new session begins, with a new cookie."""
    if visitor.desk.authenticator is None:
        return redirect(visitor, "/")
    user, password = visitor.fields.get("user", "").strip(), visitor.fields.get("password", "")
    target = own_path(visitor.fields.get("next", "/"))
    try:
        secret = _session(visitor, user, password, request.client.host if request.client else "")
    except (Refused, DeskError) as error:
        status, headers = (error.status, error.headers) if isinstance(error, Refused) else (503, {})
        answer = page(visitor, "login.html", status=status, next=target, user=user[:_LONGEST], error=error)
        answer.headers.update(headers)
        return answer
    visitor.desk.sessions.close(visitor.cookie)
    return set_cookie(redirect(visitor, target), replace(visitor, cookie=secret, is_new=True))


@router.post("/logout")
def log_out(visitor: AnyoneWithForm) -> Response:
    """End the session here, whatever the browser keeps."""
    visitor.desk.sessions.close(visitor.cookie)
    gone = replace(visitor, cookie=new_secret(), is_new=True)
    return redirect(gone, "/login" if visitor.desk.authenticator else "/")


def _session(visitor: Visitor, user: str, password: str, address: str) -> str:
    """The new session's secret. Raises Refused (401, 403, 429) or DeskError."""
    desk = visitor.desk
    assert desk.authenticator is not None
    if not user or not password or len(user) > _LONGEST or len(password) > _LONGEST:
        raise Refused(401, "user or password is wrong")
    wait = desk.limiter.begin(user, address)
    if wait:
        _log.warning("login of %r from %s is refused for %d s: too many failures", user, address, wait)
        minutes = -(-wait // 60)
        raise Refused(
            429,
            "there were too many failed logins",
            remedy=f"wait for {minutes} minute{'s' if minutes > 1 else ''}, then try again",
            headers={"Retry-After": str(wait)},
        )
    try:
        account = desk.authenticator.check(user, password)
    except DeskError:
        desk.limiter.take_back(user, address)
        raise
    if account is None:
        _log.warning("login of %r from %s failed", user, address)
        raise Refused(401, "user or password is wrong")
    desk.limiter.take_back(user, address)
    identity = identify(desk.config, account)
    if identity is None:
        raise Refused(
            403, f"{user} has no role at this desk", remedy="ask for one: `users` in the desk's configuration"
        )
    _log.info("%s logged in from %s as %s", identity.user, address, identity.role)
    return desk.sessions.open(identity)
