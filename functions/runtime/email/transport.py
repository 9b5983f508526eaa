"""Choice of the e-mail transport by `CAPSULE_MAIL_URL`.

    smtp://user:password@host:587      STARTTLS if the server offers it; credentials are never sent without TLS except to loopback
    smtps://user:password@host:465     TLS from the first byte
    maildir:///path/to/maildir

`?ca=/path/to/ca.pem` trusts a private certificate authority. `CAPSULE_MAIL_FROM` is the sender.
"""

from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from functions.kernel import Clock
from functions.runtime.config.settings import Settings
from functions.runtime.email.message import OutgoingEmail

DEFAULT_SENDER = "Capsule <no-reply@capsule.localhost>"


class EmailTransport(Protocol):
    def send(self, email: OutgoingEmail) -> Awaitable[None]:
        """Send an e-mail. Raises Transient if a retry may succeed, Permanent if this e-mail cannot be delivered."""
        ...


def email_transport(settings: Settings, clock: Clock) -> EmailTransport:
    """Return the transport that `CAPSULE_MAIL_URL` names. Raises MissingSetting and ValueError."""
    url = settings.text("CAPSULE_MAIL_URL")
    sender = settings.text("CAPSULE_MAIL_FROM", DEFAULT_SENDER)
    parts = urlsplit(url)
    # Imported when chosen: most functions of a context that sends e-mails send none, and a cold start should not pay for it.
    if parts.scheme == "maildir":
        from functions.runtime.email.maildir import MaildirTransport

        return MaildirTransport(Path(unquote(parts.path)), sender, clock)
    if parts.scheme in ("smtp", "smtps"):
        from functions.runtime.email.smtp import SmtpTransport

        return SmtpTransport(url, sender, clock)
    raise ValueError(f"CAPSULE_MAIL_URL has the scheme {parts.scheme!r}: use smtp://, smtps:// or maildir:///")
