"""Mail that leaves the platform: over SMTP, or into a Maildir where there is no mail server (one machine, tests).

`CAPSULE_MAIL_URL` chooses:

    smtp://user:password@host:587      STARTTLS where the server offers it; credentials never travel in the clear except to loopback
    smtps://user:password@host:465     TLS from the first byte
    maildir:///path/to/maildir

`?ca=/path/to/ca.pem` trusts a private authority. `CAPSULE_MAIL_FROM` is the sender. A mail's Message-ID is made from the intent to send it,
so that one which had to be sent twice is recognised by servers and readers as one.
"""

import asyncio
import mailbox
from collections.abc import Awaitable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID

from functions.kernel import Clock, Transient
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call

DEFAULT_SENDER = "Capsule <no-reply@capsule.localhost>"


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is said, to whom. `intent` identifies the wish to say it."""

    intent: UUID
    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()


class Mail(Protocol):
    def send(self, letter: Letter) -> Awaitable[None]:
        """Raises Transient if it may work later, Permanent if this letter never will."""
        ...


def mail(settings: Settings, clock: Clock) -> Mail:
    """The way out that `CAPSULE_MAIL_URL` names."""
    url = settings.text("CAPSULE_MAIL_URL")
    sender = settings.text("CAPSULE_MAIL_FROM", DEFAULT_SENDER)
    parts = urlsplit(url)
    if parts.scheme == "maildir":
        return MaildirMail(Path(unquote(parts.path)), sender, clock)
    if parts.scheme in ("smtp", "smtps"):
        # Imported here: most functions of a context that mails do not, and should not wait for it on their way up from zero.
        from functions.runtime.mail.smtp import SmtpMail

        return SmtpMail(url, sender, clock)
    raise ValueError(f"CAPSULE_MAIL_URL begins with {parts.scheme!r}: smtp://, smtps:// or maildir:/// it must be")


def message_of(letter: Letter, sender: str, clock: Clock) -> EmailMessage:
    to = _deliverable(letter.to)
    message = EmailMessage(policy=SMTP if to.isascii() else SMTPUTF8)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{letter.intent}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    # Left as it is where that is possible, so that a link can be read and copied from the file in a Maildir.
    message.set_content(letter.text, cte="7bit" if letter.text.isascii() else "quoted-printable")
    message.add_alternative(letter.html, subtype="html")
    for attached in letter.attachments:
        main, _, sub = attached.media_type.partition("/")
        message.add_attachment(attached.content, maintype=main, subtype=sub, filename=attached.name)
    return message


def _deliverable(address: str) -> str:
    """With the domain as the DNS knows it (IDNA), which any mail server takes. A local part that is not ASCII needs one with SMTPUTF8."""
    if address.isascii():
        return address
    from email_validator import validate_email

    return validate_email(address, check_deliverability=False, globally_deliverable=False).ascii_email or address


class MaildirMail:
    def __init__(self, path: Path, sender: str, clock: Clock) -> None:
        self._path, self._sender, self._clock = path, sender, clock

    @external_call
    async def send(self, letter: Letter) -> None:
        message = message_of(letter, self._sender, self._clock)
        try:
            await asyncio.to_thread(self._deliver, message)
        except OSError as error:
            raise Transient(f"the mailbox {self._path} cannot be written: {error}") from error

    def _deliver(self, message: EmailMessage) -> None:
        for folder in ("tmp", "new", "cur"):  # Maildir(create=True) leaves a folder that is there and empty as it is
            (self._path / folder).mkdir(parents=True, exist_ok=True)
        mailbox.Maildir(self._path, create=False).add(message)
