"""Mail over SMTP (RFC 5321), with TLS from the first byte or by STARTTLS. Whether a refusal may pass is what the server's answer says."""

import ipaddress
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from functions.kernel import Clock, Permanent, Transient
from functions.runtime.mail.delivery import Letter, message_of
from functions.runtime.storage.external_call import external_call

PATIENCE = 15.0


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

    @external_call
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
