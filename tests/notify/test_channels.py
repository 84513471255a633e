"""Webhooks and e-mail against real servers on this machine."""

from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from podium.config.load import parse
from podium.errors import ConfigError, PodiumError
from podium.notify import mail, webhook
from podium.notify.config import EmailConfig, NotifyConfig, WebhookConfig, load_notify
from podium.notify.notice import ReviewNotice
from tests.conftest import ROOT
from tests.notify.servers import Hooks, Mail, certificate, serving

NOTICE = ReviewNotice(
    id="5" * 64, event=7, kind="approved", time=datetime(2026, 1, 2, 3, 4, tzinfo=UTC), review="podium-3",
    model="podium", version=3, candidate="tiny", run="run-1", author="ada@lab", actor="grace@lab",
    reason="größer\nals zuvor",
    outcome="blocked", override=True, champion=3,
)  # fmt: skip


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_PAUSE", 0.01)


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with serving(Hooks()) as server:
        yield server


def hook(server: Hooks, **changes: Any) -> WebhookConfig:
    return WebhookConfig(**{"name": "chat", "url": server.url} | changes)


class TestWebhook:
    def test_it_gets_signed_json(self, hooks: Hooks) -> None:
        webhook.post(hook(hooks), NOTICE, "geheim")
        ((headers, body),) = hooks.got
        assert ReviewNotice.model_validate_json(body) == NOTICE
        assert json.loads(body)["schema_version"] == 1
        assert (headers["X-Podium-Event"], headers["X-Podium-Delivery"]) == ("approved", NOTICE.id)
        signed = headers["X-Podium-Timestamp"].encode() + b"." + body
        expected = hmac.new(b"geheim", signed, hashlib.sha256).hexdigest()
        assert headers["X-Podium-Signature"] == f"sha256={expected}"

    def test_without_a_secret_it_is_not_signed(self, hooks: Hooks) -> None:
        webhook.post(hook(hooks), NOTICE, None)
        assert "X-Podium-Signature" not in hooks.got[0][0]

    @pytest.mark.parametrize("first", [500, 503, 429, 0])
    def test_what_may_pass_is_tried_again(self, hooks: Hooks, first: int) -> None:
        hooks.statuses = [first, first]
        webhook.post(hook(hooks), NOTICE, None)
        assert len(hooks.got) == 3

    @pytest.mark.parametrize(("status", "attempts"), [(500, 2), (404, 1), (302, 1)])
    def test_in_the_end_it_gives_up(self, hooks: Hooks, status: int, attempts: int) -> None:
        hooks.statuses = [status] * 9
        with pytest.raises(PodiumError, match=f"webhook chat: {hooks.url}: status {status}"):
            webhook.post(hook(hooks, attempts=2), NOTICE, None)
        assert len(hooks.got) == attempts

    def test_nobody_there(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        config = WebhookConfig(name="chat", url=f"http://127.0.0.1:{port}/", attempts=2)
        with pytest.raises(PodiumError, match="refused"):
            webhook.post(config, NOTICE, None)

    def test_a_server_that_never_answers(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            config = WebhookConfig(name="chat", url=f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.1)
            with pytest.raises(PodiumError, match="timed out"):
                webhook.post(config, NOTICE, None)


def address(server: Mail, **changes: Any) -> EmailConfig:
    given = {"host": "127.0.0.1", "port": server.server_address[1], "sender": "podium@example.org"}
    return EmailConfig(**given | {"to": ("grace@example.org", "joan@example.org")} | changes)


class TestEmail:
    @pytest.fixture
    def tls(self, tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        return certificate(tmp_path)

    def test_it_gets_a_message(self, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        with serving(Mail(tls[0], password="geheim")) as server:
            config = address(server, user="podium", password_env="UNUSED")
            mail.send(config, NOTICE, "geheim", context=tls[1])
        ((receivers, content, encrypted),) = server.got
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert receivers == ["grace@example.org", "joan@example.org"]
        assert encrypted
        assert message["Subject"] == "[podium] podium-3 (tiny) was approved and is the champion (override)"
        text = message.get_content()  # type: ignore[attr-defined]
        for words in (
            "reason: größer",
            "by: grace@lab on 2026-01-02 03:04 UTC",
            "gate: blocked",
            "champion: version 3",
        ):
            assert words in text

    def test_a_wrong_password(self, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        with serving(Mail(tls[0], password="geheim")) as server:
            config = address(server, user="podium", password_env="UNUSED")
            with pytest.raises(PodiumError, match="wrong password") as error:
                mail.send(config, NOTICE, "falsch", context=tls[1])
            assert "falsch" not in str(error.value)
        assert server.got == []

    def test_a_certificate_that_nobody_vouches_for(self, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        with serving(Mail(tls[0])) as server, pytest.raises(PodiumError, match="certificate verify failed"):
            mail.send(address(server), NOTICE, None)
        assert server.got == []

    def test_no_encryption_where_it_is_asked_for(self) -> None:
        with serving(Mail()) as server, pytest.raises(PodiumError, match="STARTTLS"):
            mail.send(address(server), NOTICE, None)
        assert server.got == []

    def test_in_the_clear_where_that_is_asked_for(self) -> None:
        with serving(Mail()) as server:
            mail.send(address(server, security="none"), NOTICE, None)
        assert server.got[0][2] is False

    def test_a_line_break_makes_no_header(self) -> None:
        odd = NOTICE.model_copy(update={"candidate": "tiny\nBcc: eve@example.org"})
        config = EmailConfig(host="x", sender="podium@example.org", to=("grace@example.org",))
        assert mail.message(config, odd)["Bcc"] is None


class TestConfig:
    def test_the_file_tells_nobody(self) -> None:
        assert load_notify(ROOT) == NotifyConfig()

    def test_the_file_s_examples_are_valid(self, tmp_path: Path) -> None:
        text = (ROOT / "configs" / "notify.yaml").read_text()
        text = text.replace("webhooks: []", "webhooks:").replace("email: null", "email:").replace("\n#  ", "\n  ")
        (tmp_path / "configs").mkdir()
        (tmp_path / "configs" / "notify.yaml").write_text(text)
        found = load_notify(tmp_path)
        assert found.email is not None
        assert (found.webhooks[0].name, found.email.security) == ("chat", "starttls")

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"webhooks": [{"name": "a", "url": "ftp://x"}]}, "webhooks.0.url"),
            ({"webhooks": [{"name": "a", "url": "https://user:password@x/"}]}, "webhooks.0.url"),
            ({"webhooks": [{"name": "a", "url": "https://x/"}] * 2}, "two are called 'a'"),
            ({"webhooks": [{"name": "a", "url": "https://x/", "secret": "geheim"}]}, "did you mean 'secret_env'"),
            ({"email": {"host": "x", "sender": "a@x", "to": []}}, "email.to"),
            ({"email": {"host": "x", "sender": "a@x", "to": ["b@x"], "user": "a"}}, "belong together"),
            (
                {"email": {"host": "x", "sender": "a@x", "to": ["b@x"], "user": "a", "password_env": "P",
                           "security": "none"}},
                "not sent in the clear",
            ),
        ],
    )  # fmt: skip
    def test_wrong_ones_are_refused(self, given: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            parse(NotifyConfig, given, "notify.yaml")
