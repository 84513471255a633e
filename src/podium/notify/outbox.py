"""Notices on their way: kept until every channel took them, so that a failure delays a notice and loses nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from podium import atomic
from podium.config import Frozen
from podium.errors import ConfigError, PodiumError
from podium.notify import mail, webhook
from podium.notify.config import NotifyConfig, load_notify
from podium.notify.notice import Notice
from podium.settings import Settings

_log = logging.getLogger(__name__)
EMAIL = "e-mail"


class Entry(Frozen):
    """A notice that somebody has not got yet."""

    notice: Notice
    left: tuple[str, ...] | None
    """Channels to be told; null: all, whatever they are."""
    errors: tuple[str, ...] = ()
    """Of the last attempt."""


def announce(settings: Settings, notice: Notice, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Tell every channel of a notice; what fails is kept for :func:`send_pending` and never raised.

    A notice is kept before it is sent: after a crash it is sent again, and some may get it twice, with the same id.

    Args:
        settings: Where the configuration and the notices on their way are.
        notice: What to tell.
        environ: Where the secrets are; this process's environment by default.

    Returns:
        Warnings, one a channel that was not told; logged, too.
    """
    entry = keep(settings, notice)
    return send(settings, entry, environ) if entry else ()


def keep(settings: Settings, notice: Notice) -> Entry | None:
    """Keep a notice for :func:`send`, or for :func:`send_pending` after a crash; None if nobody is to be told."""
    try:
        config = load_notify(settings.root)
    except ConfigError as error:
        entry = Entry(notice=notice, left=None, errors=(error.message,))
    else:
        entry = Entry(notice=notice, left=_channels(config))
        if not entry.left:
            return None
    try:
        _keep(settings, entry)
    except OSError as error:
        entry = entry.model_copy(update={"errors": (*entry.errors, str(error))})
    return entry


def send(settings: Settings, entry: Entry, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Send a notice that was kept just now. Nothing is raised; returns warnings as :func:`announce` does."""
    try:
        if not entry.errors:
            entry = _deliver(settings, entry, os.environ if environ is None else environ) or entry
    except (PodiumError, OSError, Timeout) as error:
        entry = entry.model_copy(update={"errors": (str(error),)})
    warnings = tuple(
        f"the notice that {entry.notice.about} did not go out: {cause}; `podium review notify --pending` sends it again"
        for cause in entry.errors
    )
    for warning in warnings:
        _log.warning("%s", warning)
    return warnings


def pending(settings: Settings) -> tuple[Entry, ...]:
    """Notices on their way, oldest first.

    Raises:
        PodiumError: A file among them is none of ours.
    """
    found = []
    for file in _folder(settings).glob("*.json"):
        try:
            found.append(Entry.model_validate_json(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            continue  # sent meanwhile
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise PodiumError(f"{file}: is no notice ({error})", remedy="remove that file") from None
    return tuple(sorted(found, key=lambda entry: (entry.notice.time, entry.notice.event)))


def send_pending(settings: Settings, environ: Mapping[str, str] | None = None) -> int:
    """Send what is on its way, each to those who have not got it; returns the number of notices that are done.

    Raises:
        ConfigError: The configuration is refused.
    """
    load_notify(settings.root)
    done = 0
    for entry in pending(settings):
        try:
            left = _deliver(settings, entry, os.environ if environ is None else environ)
        except Timeout:
            continue  # another process is at it
        done += left is None
    return done


def _deliver(settings: Settings, entry: Entry, environ: Mapping[str, str]) -> Entry | None:
    """Send to who is left; who is left then, None if nobody. Raises Timeout if another process is at it."""
    config = load_notify(settings.root)
    file = _file(settings, entry.notice)
    with FileLock(file.with_suffix(".lock"), timeout=0):
        if not file.exists():
            return None
        known = _channels(config)
        failed: dict[str, str] = {}
        for channel in known if entry.left is None else [name for name in entry.left if name in known]:
            try:
                _send(config, channel, entry.notice, environ)
            except PodiumError as error:
                failed[channel] = error.message
        if failed:
            rest = entry.model_copy(update={"left": tuple(failed), "errors": tuple(failed.values())})
            _keep(settings, rest)
            return rest
        file.unlink()
        file.with_suffix(".lock").unlink(missing_ok=True)
    return None


def _send(config: NotifyConfig, channel: str, notice: Notice, environ: Mapping[str, str]) -> None:
    if channel == EMAIL and config.email is not None:
        mail.send(config.email, notice, _secret(config.email.password_env, channel, environ))
        return
    chosen = next(hook for hook in config.webhooks if f"webhook {hook.name}" == channel)
    webhook.post(chosen, notice, _secret(chosen.secret_env, channel, environ))


def _secret(variable: str | None, channel: str, environ: Mapping[str, str]) -> str | None:
    if variable is None:
        return None
    if not environ.get(variable):
        raise PodiumError(f"{channel}: the environment variable {variable} is not set")
    return environ[variable]


def _channels(config: NotifyConfig) -> tuple[str, ...]:
    return (*(f"webhook {hook.name}" for hook in config.webhooks), *([EMAIL] if config.email else []))


def _keep(settings: Settings, entry: Entry) -> None:
    atomic.write_text(_file(settings, entry.notice), entry.model_dump_json(indent=2) + "\n")


def _file(settings: Settings, notice: Notice) -> Path:
    return _folder(settings) / f"{notice.event:08}-{notice.id[:12]}.json"


def _folder(settings: Settings) -> Path:
    return settings.state / "notices"
