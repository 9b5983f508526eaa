"""E-mails over SMTP (RFC 5321), with TLS from the first byte or STARTTLS."""

import ipaddress
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from functions.kernel import Clock, Transient
from functions.runtime.email.message import OutgoingEmail, build_message
from functions.runtime.email.refusals import refusal_of_message, refusal_of_recipient
from functions.runtime.storage.external_call import external_call

TIMEOUT_SECONDS = 15.0
SMTPS_PORT, SUBMISSION_PORT = 465, 587


class SmtpTransport:
    """`url`: `smtp://` or `smtps://`, as in `transport`."""

    def __init__(self, url: str, sender: str, clock: Clock) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._has_implicit_tls = parts.scheme == "smtps"
        self._port = parts.port or (SMTPS_PORT if self._has_implicit_tls else SUBMISSION_PORT)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._ca_file = parse_qs(parts.query).get("ca", [None])[0]
        self._sender, self._clock = sender, clock

    @external_call
    async def send(self, email: OutgoingEmail) -> None:
        await self._use(build_message(email, self._sender, self._clock))

    @external_call
    async def check(self) -> None:
        """Connect and sign in, without a message. Raises Transient, Permanent with the server's reason."""
        await self._use(None)

    async def _use(self, message: EmailMessage | None) -> None:
        server = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._has_implicit_tls,
            start_tls=None,
            cert_bundle=self._ca_file,
            timeout=TIMEOUT_SECONDS,
        )
        try:
            async with server:
                await self._authenticate(server)
                if message is None:
                    await server.noop()
                else:
                    await server.send_message(message)
        except aiosmtplib.SMTPAuthenticationError as error:
            # Not this e-mail's fault: an operator can fix the credentials while it is retried.
            raise Transient(f"{self._host} does not accept our credentials ({error.code})") from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            reply = error.recipients[0]  # an e-mail has one recipient
            raise refusal_of_recipient(self._host, reply.code, reply.message) from error
        except aiosmtplib.SMTPResponseException as error:
            raise refusal_of_message(self._host, error.code, error.message) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Transient(f"{self._host}:{self._port} does not take mail: {error}") from error

    async def _authenticate(self, server: aiosmtplib.SMTP) -> None:
        if self._user is None:
            return
        if server.get_transport_info("sslcontext") is None and not _is_loopback(self._host):
            raise Transient(f"{self._host} offers no TLS; credentials are not sent without it")
        await server.login(self._user, self._password or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
