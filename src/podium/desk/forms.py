"""Forms that were sent: read within bounds, and only if a page of the desk sent them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request

from podium.desk.guard import LARGEST_BODY
from podium.desk.refusals import Refused

FIELD: Final = "csrf"


class FormTokens:
    """Tokens that bind a form to the browser's cookie: an HMAC that only this process can make."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, cookie: str) -> str:
        """The token for forms of the browser with this cookie."""
        return hmac.new(self._key, b"form:" + cookie.encode(), hashlib.sha256).hexdigest()

    def check(self, cookie: str | None, token: str) -> bool:
        """Whether the token was made for this cookie."""
        return cookie is not None and hmac.compare_digest(self.of(cookie).encode(), token.encode())


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises Refused (415, 413, 400) for what no form of the desk sends."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Refused(415, "forms of the desk are sent as application/x-www-form-urlencoded")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise Refused(413, "the request is too large")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise Refused(400, "the form cannot be read") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise Refused(400, "the form has a field twice")
    return dict(pairs)


def check_origin(request: Request, origins: frozenset[str]) -> None:
    """Refuse what a page of another origin sends, as far as the browser says which. Raises Refused (403)."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if (origin is not None and origin.lower() not in origins) or site not in (None, "same-origin", "none"):
        raise Refused(
            403, "the form was sent by a page of another site", remedy="open the desk's own page and decide there"
        )
