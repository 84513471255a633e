"""A real web server and a real SMTP server on this machine, which keep what they get."""

from __future__ import annotations

import base64
import datetime as dt
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Hooks(ThreadingHTTPServer):
    """Answers with ``statuses`` one after the other, then with 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/podium"


class Hook(BaseHTTPRequestHandler):
    server: Hooks

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        if status == 0:  # hangs up
            return
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Mail(socketserver.ThreadingTCPServer):
    """Takes messages; offers STARTTLS if it has a certificate, and wants this password if there is one."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None, password: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.context, self.password = context, password
        self.got: list[tuple[list[str], bytes, bool]] = []
        """Receivers, content, whether it came encrypted."""


class Session(socketserver.StreamRequestHandler):
    server: Mail

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self) -> None:
        self.say("220 here")
        receivers: list[str] = []
        secure, known = False, self.server.password is None
        while line := self.rfile.readline().decode().strip():
            word = line.upper()
            if word.startswith("EHLO"):
                self.say("250-here")
                if self.server.context and not secure:
                    self.say("250-STARTTLS")
                self.say("250 AUTH PLAIN")
            elif word == "STARTTLS" and self.server.context:
                self.say("220 go on")
                try:
                    self.request = self.server.context.wrap_socket(self.request, server_side=True)
                except OSError:
                    return  # the client did not like the certificate
                self.setup()
                secure = True
            elif word.startswith("AUTH PLAIN"):
                _, _, password = base64.b64decode(line.split()[2]).decode().split("\0")
                known = password == self.server.password
                self.say("235 welcome" if known else "535 wrong password")
            elif word.startswith("RCPT") and not known:
                self.say("530 who are you")
            elif word.startswith("RCPT"):
                receivers.append(line.split("<")[1].split(">")[0])
                self.say("250 yes")
            elif word == "DATA":
                self.say("354 go on")
                lines: list[bytes] = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part)
                self.server.got.append((receivers, b"".join(lines), secure))
                self.say("250 kept")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 yes")


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    """Serve for the time of the block."""
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server at 127.0.0.1 and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "server.pem"
    file.write_bytes(secret + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())
