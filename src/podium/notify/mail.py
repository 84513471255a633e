"""Sends a notice as a message through an SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

from podium.errors import PodiumError
from podium.notify.config import EmailConfig
from podium.notify.notice import Notice


def send(config: EmailConfig, notice: Notice, password: str | None, *, context: ssl.SSLContext | None = None) -> None:
    """Hand the message over; encrypted and with the server's certificate verified, unless the configuration says no.

    Args:
        config: Server, sender and receivers.
        notice: What to tell.
        password: Of ``config.user``.
        context: Of TLS; the system's certificates by default.

    Raises:
        PodiumError: The server cannot be reached, refused, or offers no encryption.
    """
    tls = context or ssl.create_default_context()
    try:
        if config.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(config.host, config.port, timeout=config.timeout, context=tls)
        else:
            server = smtplib.SMTP(config.host, config.port, timeout=config.timeout)
        with server:
            if config.security == "starttls":
                server.starttls(context=tls)
            if config.user is not None and password is not None:
                server.login(config.user, password)
            server.send_message(message(config, notice))
    except (OSError, smtplib.SMTPException) as error:
        raise PodiumError(
            f"e-mail through {config.host}:{config.port}: {str(error) or type(error).__name__}",
            remedy="podium review notify --pending",
        ) from None


def message(config: EmailConfig, notice: Notice) -> EmailMessage:
    """The message; its id is the notice's, so that a second copy is seen to be one."""
    made = EmailMessage()
    made["Subject"] = notice.subject
    made["From"] = config.sender
    made["To"] = ", ".join(config.to)
    made["Date"] = format_datetime(notice.time)
    made["Message-ID"] = f"<{notice.id[:32]}@podium.invalid>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(notice.text)
    return made
