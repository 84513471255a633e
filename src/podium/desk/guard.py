"""What holds for every request and every answer: the host's name, the size, the headers."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY: Final = 64 * 1024
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
DOCUMENT_HEADERS: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}
"""Of a page that a run made: no script, no form, no request, an origin of its own. It is opened as a page of its own;
only the desk itself could frame it."""


class Guard:
    """Middleware around the whole application.

    Args:
        app: The application.
        hosts: What ``Host`` may be; a page whose own name was made to point here (DNS rebinding) sends another.
        secure: Whether browsers speak HTTPS with the desk.
    """

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str], secure: bool) -> None:
        self.app, self._hosts = app, hosts
        self._headers = _HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        given = Headers(scope=scope)
        hosts = given.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            refusal = PlainTextResponse("The review desk does not answer to this host name.\n", status_code=421)
            await refusal(scope, receive, with_headers)
        elif not given.get("content-length", "0").isdecimal() or int(given.get("content-length", "0")) > LARGEST_BODY:
            await PlainTextResponse("The request is too large.\n", status_code=413)(scope, receive, with_headers)
        else:
            await self.app(scope, receive, with_headers)
