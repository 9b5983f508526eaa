"""Mail that leaves the platform: over SMTP, or into a Maildir where there is no mail server (one machine, tests).

`CAPSULE_MAIL_URL` chooses:

    smtp://user:password@host:587      STARTTLS where the server offers it; credentials never travel in the clear except to loopback
    smtps://user:password@host:465     TLS from the first byte
    maildir:///path/to/maildir

`?ca=/path/to/ca.pem` trusts a private authority. `CAPSULE_MAIL_FROM` is the sender. A mail's Message-ID is made from the intent to send it,
so that one which had to be sent twice is recognised by servers and readers as one.
"""

import asyncio
import ipaddress
import mailbox
from collections.abc import Awaitable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import aiosmtplib

from functions.kernel import Clock, Permanent, Transient
from functions.runtime.foreign import foreign
from functions.runtime.settings import Settings

DEFAULT_SENDER = "Capsule <no-reply@capsule.localhost>"
PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Letter:
    """What is said, to whom. `intent` identifies the wish to say it."""

    intent: UUID
    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


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
        return SmtpMail(url, sender, clock)
    raise ValueError(f"CAPSULE_MAIL_URL begins with {parts.scheme!r}: smtp://, smtps:// or maildir:/// it must be")


def message_of(letter: Letter, sender: str, clock: Clock) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{letter.intent}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


class MaildirMail:
    def __init__(self, path: Path, sender: str, clock: Clock) -> None:
        self._path, self._sender, self._clock = path, sender, clock

    @foreign
    async def send(self, letter: Letter) -> None:
        message = message_of(letter, self._sender, self._clock)
        try:
            await asyncio.to_thread(self._deliver, message)
        except OSError as error:
            raise Transient(f"the mailbox {self._path} cannot be written: {error}") from error

    def _deliver(self, message: EmailMessage) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        mailbox.Maildir(self._path, create=True).add(message)


class SmtpMail:
    def __init__(self, url: str, sender: str, clock: Clock) -> None:
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError("CAPSULE_MAIL_URL names no host")
        self._host = parts.hostname
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._authority = parse_qs(parts.query).get("ca", [None])[0]
        self._sender, self._clock = sender, clock

    @foreign
    async def send(self, letter: Letter) -> None:
        message = message_of(letter, self._sender, self._clock)
        server = aiosmtplib.SMTP(
            hostname=self._host, port=self._port, use_tls=self._tls, start_tls=None, cert_bundle=self._authority, timeout=PATIENCE
        )
        try:
            async with server:
                await self._authenticate(server)
                await server.send_message(message)
        except aiosmtplib.SMTPAuthenticationError as error:
            # Not this letter's fault: whoever runs the platform can mend it while it is tried again.
            raise Transient(f"{self._host} does not accept our credentials ({error.code})") from error
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPResponseException) as error:
            raise _refused(self._host, error) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Transient(f"{self._host}:{self._port} does not take mail: {error}") from error

    async def _authenticate(self, server: aiosmtplib.SMTP) -> None:
        if self._user is None:
            return
        if server.get_transport_info("sslcontext") is None and not _is_loopback(self._host):
            raise Transient(f"{self._host} offers no TLS; our credentials are not sent in the clear")
        await server.login(self._user, self._password or "")


def _refused(host: str, error: aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPResponseException) -> Transient | Permanent:
    """RFC 5321, 4.2.1: 4yz may work later, 5yz will not."""
    answers = error.recipients if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else [error]
    permanent = all(answer.code >= 500 for answer in answers)
    said = "; ".join(f"{answer.code} {answer.message}" for answer in answers)
    return Permanent(f"{host} refuses the mail: {said}") if permanent else Transient(f"{host} does not take the mail now: {said}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
