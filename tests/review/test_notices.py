"""Who is told of a review, when; and that a failing notice fails no decision and is not lost."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from podium.cli.review import app
from podium.errors import RegistryError
from podium.notify import outbox, webhook
from podium.notify.notice import ReviewNotice
from podium.registry import promotion
from tests.notify.servers import Hooks, serving
from tests.review.made import Office


@pytest.fixture
def hooks(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hooks]:
    monkeypatch.setattr(webhook, "_PAUSE", 0.01)
    with serving(Hooks()) as server:
        configure(office, webhooks=[{"name": "chat", "url": server.url, "attempts": 1}])
        yield server


def configure(office: Office, **content: Any) -> None:
    folder = office.settings.root / "configs"
    folder.mkdir(exist_ok=True)
    (folder / "notify.yaml").write_text(yaml.safe_dump(content))


def told(hooks: Hooks) -> list[ReviewNotice]:
    return [ReviewNotice.model_validate_json(body) for _, body in hooks.got]


@pytest.mark.slow
def test_of_opening_renewal_and_decision(office: Office, hooks: Hooks) -> None:
    office.policy(quorum=2)
    office.open(1, dossier="1" * 64)
    office.open(1, dossier="1" * 64)
    office.open(1, dossier="2" * 64)
    office.approve("grace")
    office.approve("joan")
    office.open(2)
    office.reject("grace", 2)
    assert [(notice.kind, notice.review, notice.champion) for notice in told(hooks)] == [
        ("opened", "podium-1", None), ("renewed", "podium-1", None), ("approved", "podium-1", 1),
        ("opened", "podium-2", 1), ("rejected", "podium-2", 1),
    ]  # fmt: skip
    approved = told(hooks)[2]
    assert (approved.actor, approved.reason, approved.author) == ("joan", "joan likes it", "ada@lab")
    assert approved.id == office.log.events()[approved.event - 1].hash
    assert outbox.pending(office.settings) == ()
    assert list((office.settings.state / "notices").iterdir()) == []


def test_a_failure_fails_no_decision_and_is_sent_later(
    office: Office, hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    hooks.statuses = [500, 500, 500]
    office.open()
    outcome = office.approve("grace")
    assert (outcome.champion, office.champion()) == (1, "1")
    (warning,) = outcome.warnings
    assert "podium-1 was approved did not go out: webhook chat" in warning
    assert "podium review notify --pending" in warning
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING][-1] == warning
    assert [(entry.notice.kind, entry.left) for entry in outbox.pending(office.settings)] == [
        ("opened", ("webhook chat",)), ("approved", ("webhook chat",)),
    ]  # fmt: skip
    assert outbox.send_pending(office.settings) == 1, "the first of them failed once more"
    assert outbox.send_pending(office.settings) == 1
    assert [notice.kind for notice in told(hooks)[-2:]] == ["approved", "opened"]
    assert outbox.pending(office.settings) == ()


def test_only_who_was_not_told_is_told_again(office: Office, hooks: Hooks) -> None:
    with serving(Hooks()) as other:
        other.statuses = [500]
        servers = {"chat": hooks, "log": other}
        configure(office, webhooks=[{"name": n, "url": s.url, "attempts": 1} for n, s in servers.items()])
        office.open()
        assert outbox.send_pending(office.settings) == 1
        assert (len(hooks.got), len(other.got)) == (1, 2)


def test_a_missing_secret_and_a_mistake_in_the_file(
    office: Office, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PODIUM_WEBHOOK_SECRET", raising=False)
    hook = {"name": "chat", "url": hooks.url, "secret_env": "PODIUM_WEBHOOK_SECRET"}
    configure(office, webhooks=[hook])
    office.open(1)
    configure(office, webhoks=[hook])
    office.open(2)
    first, second = outbox.pending(office.settings)
    assert "PODIUM_WEBHOOK_SECRET is not set" in first.errors[0]
    assert "notify.yaml: webhoks: unknown key" in second.errors[0]
    assert hooks.got == []
    configure(office, webhooks=[hook])
    assert outbox.send_pending(office.settings, {"PODIUM_WEBHOOK_SECRET": "geheim"}) == 2
    headers, body = hooks.got[0]
    assert headers["X-Podium-Signature"] == webhook.signature("geheim", headers["X-Podium-Timestamp"], body)
    assert "geheim" not in json.dumps([headers, body.decode()])


def test_a_decision_that_was_not_mirrored_is_told(office: Office, hooks: Hooks) -> None:
    class Broken:
        def apply(self, *_: Any) -> list[str]:
            raise RegistryError("ZenML does not answer")

        differences = apply

    office.open()
    with pytest.raises(RegistryError, match="ZenML does not answer"):
        office.approve("grace", mirror=Broken())
    assert [notice.kind for notice in told(hooks)] == ["opened", "approved"]


def test_a_crash_while_sending_loses_nothing(office: Office, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(webhook, "post", die)
        with pytest.raises(Killed):
            office.open()
    assert office.kinds() == ["opened"]
    assert outbox.send_pending(office.settings) == 1
    assert [notice.kind for notice in told(hooks)] == ["opened"]


@pytest.mark.slow
def test_a_rollback_is_told(office: Office, hooks: Hooks) -> None:
    for number in (1, 2):
        office.open(number)
        office.approve("grace", number)
    promotion.rollback(office.settings, "podium", reason="cats", actor="grace", client=office.client)  # type: ignore[arg-type]
    last = told(hooks)[-1]
    assert (last.kind, last.review, last.champion) == ("rolled_back", "podium-1", 1)


def test_without_a_configuration_nothing_is_kept(office: Office) -> None:
    office.open()
    assert office.approve("grace").warnings == ()
    assert not (office.settings.state / "notices").exists()


@pytest.mark.slow
def test_the_command_lists_and_sends(office: Office, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_STATE", str(office.settings.state))
    monkeypatch.setenv("PODIUM_ROOT", str(office.settings.root))
    hooks.statuses = [500, 500]
    office.open()

    def call(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["notify", *arguments])

    assert "podium-1 was opened: webhook chat" in call().stdout
    failed = call("--pending", "--json")
    assert failed.exit_code == 1
    (entry,) = json.loads(failed.stdout)["pending"]
    assert entry.pop("errors")[0].endswith("status 500")
    assert entry == {"event": 1, "kind": "opened", "review": "podium-1", "left": ["webhook chat"]}
    sent = call("--pending")
    assert (sent.exit_code, sent.stdout) == (0, "1 notice sent, 0 pending\n")


def test_a_notice_outlives_a_crash_between_decision_and_promotion(office: Office, hooks: Hooks) -> None:
    office.open()
    hooks.got.clear()
    taken: list[promotion.Recorded] = []
    office.approve("grace", later=taken.append)
    assert hooks.got == []
    assert [entry.notice.kind for entry in outbox.pending(office.settings)] == ["approved"]
    assert outbox.send_pending(office.settings) == 1  # the process was killed; somebody sends what is left
    assert [notice.kind for notice in told(hooks)] == ["approved"]
    assert taken[0].finish().warnings == ()
    assert len(hooks.got) == 1, "nobody gets it twice"
