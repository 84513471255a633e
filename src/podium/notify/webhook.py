"""Posts a notice as JSON, signed with a shared key, a bounded number of times."""

from __future__ import annotations

import hashlib
import hmac
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, Final

from podium.errors import PodiumError
from podium.notify.config import WebhookConfig
from podium.notify.notice import Notice

TIMESTAMP: Final = "X-Podium-Timestamp"
"""Seconds since 1970; part of what is signed, so that an old request cannot be sent again."""
SIGNATURE: Final = "X-Podium-Signature"
_PAUSE: Final = 0.5
"""Seconds before the second attempt; twice as long before each further one."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A notice goes to the configured address alone."""

    def redirect_request(self, *_: Any) -> None:
        return None


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """``sha256=`` and the hexadecimal HMAC-SHA256 of ``TIMESTAMP.BODY``, as receivers compute it."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def post(config: WebhookConfig, notice: Notice, secret: str | None) -> None:
    """Send until the server takes it with a status 2xx.

    Tried again after network errors and the statuses 408, 429 and 5xx. Redirections are not followed.

    Raises:
        PodiumError: The last attempt failed, or the server refused.
    """
    body = notice.model_dump_json().encode()
    cause = ""
    for attempt in range(config.attempts):
        if attempt:
            time.sleep(_PAUSE * 2 ** (attempt - 1))
        try:
            _send(config, notice, body, secret)
        except urllib.error.HTTPError as error:
            cause = f"status {error.code}"
            error.close()
            if error.code not in (408, 429) and error.code < 500:
                break
        except (OSError, HTTPException) as error:  # URLError, timeouts, half an answer
            cause = str(getattr(error, "reason", error)) or type(error).__name__
        else:
            return
    raise PodiumError(f"webhook {config.name}: {config.url}: {cause}", remedy="podium review notify --pending")


def _send(config: WebhookConfig, notice: Notice, body: bytes, secret: str | None) -> None:
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "podium",
        "X-Podium-Event": notice.kind,
        "X-Podium-Delivery": notice.id,
        TIMESTAMP: timestamp,
    }
    if secret is not None:
        headers[SIGNATURE] = signature(secret, timestamp, body)
    request = urllib.request.Request(config.url, data=body, headers=headers, method="POST")  # noqa: S310 - http(s) only
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=config.timeout):
        pass
