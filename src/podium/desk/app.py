"""The desk as an ASGI application."""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from podium.desk import deciding, login, reading, records, sampling
from podium.desk.context import Desk
from podium.desk.guard import Guard
from podium.desk.pages import page, static
from podium.desk.refusals import Refused, status_of
from podium.desk.visitor import LoginNeeded, Visitor, anyone
from podium.errors import PodiumError

ROUTERS: Final = (login.router, reading.router, deciding.router, records.router, sampling.router)
_TYPES: Final = {"desk.css": "text/css", "slider.js": "text/javascript", "progress.js": "text/javascript"}
_log = logging.getLogger(__name__)


def create_app(desk: Desk) -> Guard:
    """Assemble routes, errors, and around them what guards them all, answers to mistakes included."""
    app = FastAPI(title="Podium review desk", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    for router in ROUTERS:
        app.include_router(router)
    app.add_api_route("/static/{name}", _static, methods=["GET"])
    app.add_exception_handler(LoginNeeded, _to_login)
    app.add_exception_handler(PodiumError, _error_page)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    hosts = frozenset(urlsplit(origin).netloc.lower() for origin in desk.origins)
    return Guard(app, hosts=hosts, secure=desk.secure)


def _static(name: str) -> Response:
    if name not in _TYPES:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}  # the address changes with the content
    return Response(static(name), media_type=_TYPES[name], headers=headers)


async def _to_login(request: Request, error: Exception) -> Response:
    """The login; but the same page once more after a link from elsewhere, with which a strict cookie is not sent."""
    assert isinstance(error, LoginNeeded)
    if request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site":
        return page(_visitor(request), "again.html")
    return RedirectResponse(error.target, status_code=303)


async def _error_page(request: Request, error: Exception) -> Response:
    """The error as the terminal tells it."""
    assert isinstance(error, PodiumError)
    headers = error.headers if isinstance(error, Refused) else {}
    answer = page(_visitor(request), "error.html", status=status_of(error), error=error)
    answer.headers.update(headers)
    return answer


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    words = {404: "there is no such page", 405: "this page takes no such request"}
    refused = Refused(status, words.get(status, "the request cannot be understood"), remedy="start from the inbox")
    if isinstance(error, HTTPException):
        refused.headers = dict(error.headers or {})
    return await _error_page(request, refused)


async def _unexpected(request: Request, error: Exception) -> Response:
    """A mistake of the desk's: told without its details, which are in the log of the server."""
    return await _error_page(request, Refused(500, "the desk made a mistake", remedy="its log says more"))


def _visitor(request: Request) -> Visitor:
    known: Visitor | None = getattr(request.state, "visitor", None)
    return known or anyone(request)
