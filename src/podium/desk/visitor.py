"""Who sends a request, as the routes ask for it: by the cookie, and for forms by the token as well."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from podium.desk.context import Desk
from podium.desk.forms import FIELD, check_origin, read_form
from podium.desk.identity import Identity
from podium.desk.refusals import Refused, require
from podium.desk.sessions import new_secret

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass
class Visitor:
    """The browser, and the person if there is one."""

    desk: Desk
    cookie: str
    """The secret that it sent, or a new one, to be set with the answer."""
    is_new: bool
    identity: Identity | None
    fields: dict[str, str] = field(default_factory=dict)
    """Of the form that was sent."""

    @property
    def token(self) -> str:
        """For the forms on the answer."""
        return self.desk.tokens.of(self.cookie)

    @property
    def person(self) -> Identity:
        """Who it is. Only for routes that need someone."""
        if self.identity is None:
            raise Refused(401, "nobody is logged in")
        return self.identity


class LoginNeeded(Exception):
    """The request is answered with the way to the login."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.target = target


def anyone(request: Request) -> Visitor:
    """The visitor, known or not."""
    desk: Desk = request.app.state.desk
    sent = request.cookies.get(desk.cookie, "")
    known = _SECRET.fullmatch(sent) is not None
    cookie = sent if known else new_secret()
    identity = desk.alone or (desk.sessions.find(cookie) if known else None)
    request.state.visitor = Visitor(desk, cookie, not known, identity)
    visitor: Visitor = request.state.visitor
    return visitor


def somebody(request: Request, visitor: Annotated[Visitor, Depends(anyone)]) -> Visitor:
    """A visitor who may look. Raises LoginNeeded."""
    if visitor.identity is None:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise LoginNeeded(f"/login?next={quote(path if request.method == 'GET' else '/', safe='')}")
    require(visitor.identity, "look")
    return visitor


async def anyone_with_form(request: Request) -> Visitor:
    """The sender of a form of ours. Raises Refused (403) if it may be somebody else's."""
    visitor = await run_in_threadpool(anyone, request)
    check_origin(request, visitor.desk.origins)
    fields = await read_form(request)
    token = fields.pop(FIELD, "")
    if not visitor.desk.tokens.check(None if visitor.is_new else visitor.cookie, token):
        raise Refused(
            403,
            "the form is not from this session of the desk, or the desk was started anew since",
            remedy="open the page again and decide there; nothing was recorded",
        )
    visitor.fields = fields
    return visitor


async def somebody_with_form(request: Request, visitor: Annotated[Visitor, Depends(anyone_with_form)]) -> Visitor:
    """The sender of a form who may look; whether they may do what they ask for, the route says."""
    return somebody(request, visitor)


Anyone = Annotated[Visitor, Depends(anyone)]
Somebody = Annotated[Visitor, Depends(somebody)]
AnyoneWithForm = Annotated[Visitor, Depends(anyone_with_form)]
SomebodyWithForm = Annotated[Visitor, Depends(somebody_with_form)]
