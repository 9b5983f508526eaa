"""E-mails into a real Maildir and over SMTP to a real server."""

import asyncio
import mailbox
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as SmtpSession
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from functions.auth.adapters.emails import EmailMailer
from functions.auth.domain.tokens import OpaqueToken
from functions.kernel import Permanent, Transient, new_id
from functions.runtime.config.settings import Settings
from functions.runtime.email.transport import email_transport
from functions.runtime.storage.database import Database
from functions.runtime.storage.external_call import CalledInsideTransaction
from functions.wire.settings import MissingSetting
from tests.capsule import FixedClock
from tests.servers import Databases

TO, TOKEN = "ada@example.org", OpaqueToken("cpv_abc-DEF_123")


def mailer(url: str, **variables: str) -> EmailMailer:
    settings = Settings({"CAPSULE_MAIL_URL": url, "CAPSULE_PUBLIC_URL": "https://capsule.example/", **variables})
    return EmailMailer(email_transport(settings, FixedClock()), settings)


class Inbox:
    """What the SMTP server has received. `refusal` and `recipient_refusal` are its replies instead of 250."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.encrypted: list[bool] = []
        self.users: list[object] = []
        self.refusal: str | None = None
        self.recipient_refusal: str | None = None

    async def handle_RCPT(self, server: Any, session: SmtpSession, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.recipient_refusal:
            return self.recipient_refusal
        envelope.rcpt_tos.append(address)
        self.recipients.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: SmtpSession, envelope: Envelope) -> str:
        if self.refusal:
            return self.refusal
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.encrypted.append(session.ssl is not None)
        self.users.append(session.auth_data)
        return "250 OK"

    def authenticate(self, server: Any, session: SmtpSession, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data.password == b"s3cr@t/pw", handled=False, auth_data=data.login.decode())


Serve = Callable[..., Awaitable[int]]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def serve(inbox: Inbox) -> AsyncIterator[Serve]:
    """Starts a server on a free port of 127.0.0.1. `implicit_tls`: TLS from the first byte."""
    started: list[asyncio.Server] = []

    async def start(implicit_tls: ssl.SSLContext | None = None, **options: Any) -> int:
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(inbox, hostname="mail.test", **options), "127.0.0.1", 0, ssl=implicit_tls
        )
        started.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start
    for server in started:
        server.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1: ca.pem, with key.pem beside it."""
    folder = tmp_path_factory.mktemp("authority")
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail of a test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(hours=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return folder / "ca.pem"


def tls(authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority, authority.with_name("key.pem"))
    return context


def body_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text


async def test_the_verification_email_has_link_and_commands(serve: Serve, inbox: Inbox) -> None:
    intent = new_id()
    await mailer(f"smtp://127.0.0.1:{await serve()}").send_verification(intent, TO, TOKEN)
    (message,) = inbox.messages
    assert (message["To"], message["From"]) == (TO, "Capsule <no-reply@capsule.localhost>")
    assert message["Message-ID"] == f"<{intent}@capsule.localhost>"
    assert message["Date"].datetime == FixedClock().now()
    assert message["Auto-Submitted"] == "auto-generated"
    link = "https://capsule.example/verify?token=cpv_abc-DEF_123"
    assert link in body_of(message, "plain").splitlines()
    assert f'href="{link}"' in body_of(message, "html")
    commands = [line.strip() for line in body_of(message, "plain").splitlines()]
    assert f"capsule verify '{link}'" in commands
    body = '{"token": "cpv_abc-DEF_123", "password": "YOUR PASSWORD"}'
    assert f"curl -X POST https://capsule.example/v1/users/verify -H 'Content-Type: application/json' -d '{body}'" in commands


async def test_the_same_intent_sends_the_same_message_id(serve: Serve, inbox: Inbox) -> None:
    sender, intent = mailer(f"smtp://127.0.0.1:{await serve()}"), new_id()
    for one in (intent, intent, new_id()):
        await sender.send_verification(one, TO, TOKEN)
    first, second, other = inbox.messages
    assert first["Message-ID"] == second["Message-ID"] != other["Message-ID"]
    assert body_of(first, "plain") == body_of(second, "plain")


async def test_the_email_about_a_second_registration_has_no_link(serve: Serve, inbox: Inbox) -> None:
    await mailer(f"smtp://127.0.0.1:{await serve()}").send_registration_repeated(new_id(), TO)
    (message,) = inbox.messages
    for kind in ("plain", "html"):
        assert TO in body_of(message, kind)
        assert "http" not in body_of(message, kind)


async def test_addresses_are_escaped_in_html(serve: Serve, inbox: Inbox) -> None:
    await mailer(f"smtp://127.0.0.1:{await serve()}").send_verification(new_id(), "a&b@example.org", TOKEN)
    assert "a&amp;b@example.org" in body_of(inbox.messages[0], "html")


@pytest.mark.parametrize(
    ("address", "utf8", "delivered"),
    [("ada@münchen.example", False, "ada@xn--mnchen-3ya.example"), ("jürgen@münchen.example", True, "jürgen@münchen.example")],
)
async def test_international_addresses_are_delivered(serve: Serve, inbox: Inbox, address: str, utf8: bool, delivered: str) -> None:
    await mailer(f"smtp://127.0.0.1:{await serve(enable_SMTPUTF8=utf8)}").send_verification(new_id(), address, TOKEN)
    assert inbox.recipients == [delivered]
    assert address in body_of(inbox.messages[0], "plain")


async def test_starttls_is_used_where_it_is_offered(serve: Serve, inbox: Inbox, authority: Path) -> None:
    port = await serve(tls_context=tls(authority), require_starttls=True)
    await mailer(f"smtp://127.0.0.1:{port}?ca={authority}").send_verification(new_id(), TO, TOKEN)
    assert inbox.encrypted == [True]


async def test_an_untrusted_certificate_is_rejected(serve: Serve, inbox: Inbox, authority: Path) -> None:
    port = await serve(tls_context=tls(authority), require_starttls=True)
    with pytest.raises(Transient):
        await mailer(f"smtp://127.0.0.1:{port}").send_verification(new_id(), TO, TOKEN)
    assert not inbox.messages


async def test_tls_from_the_first_byte(serve: Serve, inbox: Inbox, authority: Path) -> None:
    port = await serve(implicit_tls=tls(authority))
    await mailer(f"smtps://127.0.0.1:{port}?ca={authority}").send_verification(new_id(), TO, TOKEN)
    assert len(inbox.messages) == 1


async def test_credentials_are_taken_from_the_url(serve: Serve, inbox: Inbox, authority: Path) -> None:
    port = await serve(tls_context=tls(authority), authenticator=inbox.authenticate, auth_required=True)
    await mailer(f"smtp://cap%40sule:s3cr%40t%2Fpw@127.0.0.1:{port}?ca={authority}").send_verification(new_id(), TO, TOKEN)
    assert inbox.users == ["cap@sule"]


async def test_wrong_credentials_are_transient_and_not_in_the_error(serve: Serve, inbox: Inbox, authority: Path) -> None:
    port = await serve(tls_context=tls(authority), authenticator=inbox.authenticate, auth_required=True)
    with pytest.raises(Transient) as failed:
        await mailer(f"smtp://capsule:hunter2@127.0.0.1:{port}?ca={authority}").send_verification(new_id(), TO, TOKEN)
    assert "credentials" in str(failed.value) and "hunter2" not in str(failed.value)


@pytest.mark.parametrize(
    ("reply", "attribute", "error"),
    [
        ("451 greylisted", "refusal", Transient),
        ("552 mailbox full", "refusal", Permanent),
        ("450 try later", "recipient_refusal", Transient),
        ("550 no such user", "recipient_refusal", Permanent),
    ],
)
async def test_4xx_replies_are_transient_and_5xx_permanent(serve: Serve, inbox: Inbox, reply: str, attribute: str, error: type[Exception]) -> None:
    setattr(inbox, attribute, reply)
    with pytest.raises(error, match=reply[4:]):
        await mailer(f"smtp://127.0.0.1:{await serve()}").send_verification(new_id(), TO, TOKEN)


async def test_an_unreachable_server_is_transient(unused_tcp_port: int) -> None:
    with pytest.raises(Transient, match=str(unused_tcp_port)):
        await mailer(f"smtp://127.0.0.1:{unused_tcp_port}").send_verification(new_id(), TO, TOKEN)


async def test_delivery_to_a_maildir_is_readable_without_decoding(tmp_path: Path) -> None:
    folder, intent = tmp_path / "missing folder" / "mail", new_id()
    await mailer(f"maildir://{folder.as_posix().replace(' ', '%20')}").send_verification(intent, TO, TOKEN)
    box = mailbox.Maildir(folder, factory=None, create=False)
    (message,) = box.values()
    assert message["Message-ID"] == f"<{intent}@capsule.localhost>"
    (file,) = (folder / "new").iterdir()
    lines = file.read_text().splitlines()
    assert "https://capsule.example/verify?token=cpv_abc-DEF_123" in lines
    assert any(
        line.strip().startswith("curl ") and line.endswith('-d \'{"token": "cpv_abc-DEF_123", "password": "YOUR PASSWORD"}\'') for line in lines
    )


async def test_concurrent_first_deliveries_create_one_maildir(tmp_path: Path) -> None:
    senders = [mailer(f"maildir://{tmp_path}/mail") for _ in range(8)]
    await asyncio.gather(*(sender.send_verification(new_id(), TO, TOKEN) for sender in senders))
    assert len(mailbox.Maildir(tmp_path / "mail", create=False)) == 8


async def test_an_unwritable_maildir_is_transient(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Transient, match="file"):
        await mailer(f"maildir://{tmp_path}/file/mail").send_verification(new_id(), TO, TOKEN)


def test_the_sender_is_configurable(tmp_path: Path) -> None:
    from functions.runtime.email.message import OutgoingEmail, build_message

    message = build_message(OutgoingEmail(new_id(), TO, "Subject", "text", "<p>html"), "Us <us@platform.example>", FixedClock())
    assert message["From"] == "Us <us@platform.example>"
    assert message["Message-ID"].endswith("@platform.example>")


@pytest.mark.parametrize("url", ["http://127.0.0.1", "smtp://", "mailbox"])
def test_an_invalid_mail_url_is_rejected_at_start(url: str) -> None:
    with pytest.raises(ValueError, match="CAPSULE_MAIL_URL"):
        mailer(url)


def test_a_missing_mail_url_is_rejected_at_start() -> None:
    with pytest.raises(MissingSetting, match="CAPSULE_MAIL_URL"):
        mailer("")


async def test_sending_inside_a_transaction_is_rejected(tmp_path: Path, postgres: Databases) -> None:
    database = Database(postgres.database("auth").functions_url)
    try:
        async with database.transaction():
            with pytest.raises(CalledInsideTransaction):
                await mailer(f"maildir://{tmp_path}/mail").send_verification(new_id(), TO, TOKEN)
    finally:
        await database.close()
    assert not (tmp_path / "mail").exists()
