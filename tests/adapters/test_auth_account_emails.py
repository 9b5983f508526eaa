"""The e-mails about passwords, addresses and deletion: to whom, and how they lead on."""

import mailbox
from collections.abc import Awaitable, Callable
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from functions.auth.adapters.emails import EmailMailer
from functions.auth.domain.tokens import OpaqueToken
from functions.kernel import new_id
from functions.runtime.config.settings import Settings
from functions.runtime.email.message import OutgoingEmail
from functions.runtime.email.transport import email_transport
from tests.capsule import FixedClock

ADA, NEW, NOW, TOKEN = "ada@example.org", "ada@example.com", FixedClock().now(), OpaqueToken("cpv_1")
Send = Callable[[EmailMailer], Awaitable[None]]

EMAILS: list[tuple[Send, str, tuple[str, ...]]] = [
    (
        lambda mailer: mailer.send_password_reset(new_id(), ADA, TOKEN),
        ADA,
        ("https://capsule.example/reset-password?token=cpv_1", "capsule password reset", "60 minutes", "/v1/password-resets/complete"),
    ),
    (
        lambda mailer: mailer.send_password_changed(new_id(), ADA, NOW, 2, 1),
        ADA,
        ("22 November 2026 at 12:00 UTC", "passkeys: 2, identities at providers: 1", "capsule password reset --email"),
    ),
    (
        lambda mailer: mailer.send_email_change(new_id(), ADA, NEW, TOKEN),
        ADA,
        ("https://capsule.example/confirm-email?token=cpv_1", NEW, "capsule email confirm", "capsule password reset --email"),
    ),
    (lambda mailer: mailer.send_email_change(new_id(), NEW, NEW, TOKEN), NEW, ("confirm-email?token=cpv_1", "24 hours")),
    (lambda mailer: mailer.send_address_in_use(new_id(), NEW), NEW, ("has an account of its own",)),
    (lambda mailer: mailer.send_email_changed(new_id(), ADA, NEW, NOW), ADA, ("has no account any more", f"capsule login --email {NEW}")),
    (
        lambda mailer: mailer.send_deletion_requested(new_id(), ADA, NOW + timedelta(days=14)),
        ADA,
        ("6 December 2026", "capsule account restore", "capsule password reset --email"),
    ),
    (lambda mailer: mailer.send_account_restored(new_id(), ADA, NOW), ADA, ("will not be deleted",)),
]


@pytest.mark.parametrize(("send", "to", "parts"), EMAILS)
async def test_an_email_names_what_happened_and_what_to_do(tmp_path: Path, send: Send, to: str, parts: tuple[str, ...]) -> None:
    settings = Settings({"CAPSULE_MAIL_URL": f"maildir://{tmp_path}/mail", "CAPSULE_PUBLIC_URL": "https://capsule.example/"})
    await send(EmailMailer(email_transport(settings, FixedClock()), settings))
    (delivered,) = mailbox.Maildir(tmp_path / "mail", create=False)
    message = message_from_bytes(delivered.as_bytes(), policy=policy.default)
    plain = message.get_body(("plain",))
    assert plain is not None and message["To"] == to
    for part in parts:
        assert part in plain.get_content(), part


async def test_a_link_to_reset_the_password_is_sent_after_a_bounce_too() -> None:
    """Lifting the suppression needs a session, and a session the password."""

    class Collector:
        sent: list[OutgoingEmail] = []  # noqa: RUF012  one test

        async def send(self, email: OutgoingEmail) -> None:
            self.sent.append(email)

    mailer = EmailMailer(Collector(), Settings({"CAPSULE_PUBLIC_URL": "https://capsule.example", "CAPSULE_DASHBOARD_URL": "https://capsule.example"}))
    await mailer.send_password_reset(new_id(), ADA, TOKEN)
    await mailer.send_password_changed(new_id(), ADA, NOW, 0, 0)
    assert [each.is_requested_again for each in Collector.sent] == [True, False]
