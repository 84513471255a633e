"""A small HTTP server that answers as ZenML's does, where the desk asks it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


@dataclass
class StandIn:
    """One user, ada, whose password is ``right`` and who is also known as ``id-of-ada``."""

    scheme: str = "OAUTH2_PASSWORD_BEARER"
    info: bytes | None = None
    body: dict[str, bool] = field(default_factory=dict)
    login_redirect: str | None = None
    asked: list[str] = field(default_factory=list)


@contextmanager
def standing_in(stand_in: StandIn) -> Iterator[str]:
    """Serve; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stand_in.asked.append(self.path)
            if self.path == "/api/v1/info":
                given = stand_in.info
                info = json.dumps({"auth_scheme": stand_in.scheme}).encode() if given is None else given
                self._answer(200, info)
            elif self.path == "/api/v1/current-user" and self.headers["Authorization"] == "Bearer a-token":
                body = {"is_admin": False, "active": True, "is_service_account": False} | stand_in.body
                self._answer(200, json.dumps({"name": "ada", "body": body}).encode())
            else:
                self._answer(401, b"{}")

        def do_POST(self) -> None:
            stand_in.asked.append(self.path)
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            known = form.get("username") in (["ada"], ["id-of-ada"]) and form.get("password") == ["right"]
            if stand_in.login_redirect:
                self._answer(307, b"", location=stand_in.login_redirect)
            else:
                self._answer(200 if known else 401, b'{"access_token": "a-token"}' if known else b"{}")

        def _answer(self, status: int, body: bytes, location: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
