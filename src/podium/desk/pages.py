"""Answers: a page from a template, a redirect; both set the cookie where the browser has none."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from podium.desk.visitor import Visitor
from podium.report.templating import environment

if TYPE_CHECKING:
    from jinja2 import Environment

R = TypeVar("R", bound=Response)


def page(visitor: Visitor, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Render a template of the desk."""
    shown = _environment().get_template(template)
    text = shown.render(
        me=visitor.identity,
        may=visitor.identity.may if visitor.identity else lambda _: False,
        with_login=visitor.desk.alone is None,
        csrf=visitor.token,
        **context,
    )
    answer = HTMLResponse(text, status_code=status)
    return set_cookie(answer, visitor) if visitor.is_new else answer


def redirect(visitor: Visitor, target: str) -> RedirectResponse:
    """Send a browser on with GET, so that loading the page again sends no form again."""
    answer = RedirectResponse(target, status_code=303)
    return set_cookie(answer, visitor) if visitor.is_new else answer


def set_cookie(answer: R, visitor: Visitor) -> R:
    """For this host, out of reach of scripts, and not sent along by pages of other sites."""
    answer.set_cookie(
        visitor.desk.cookie, visitor.cookie, httponly=True, samesite="strict", secure=visitor.desk.secure, path="/"
    )
    return answer


def static(name: str) -> bytes:
    """The style sheet (the report's and the desk's own) or the script."""
    own = (files("podium.desk") / "static" / name).read_bytes()
    if name != "desk.css":
        return own
    return (files("podium.report") / "templates" / "report.css").read_bytes() + own


@cache
def version_of(name: str) -> str:
    """Part of a static file's address, so that a new version is fetched."""
    return hashlib.sha256(static(name)).hexdigest()[:12]


@cache
def _environment() -> Environment:
    made = environment("podium.desk")
    made.globals.update(version_of=version_of)
    return made
