"""The e-mails to an administrator about a failed registration, and to somebody who is invited to a team."""

import mailbox
from email import message_from_bytes, policy
from pathlib import Path

from events.billing import CustomerCreated, PaymentAccountChanged
from events.deploy import QuotaGranted
from functions.auth.adapters.emails import EmailMailer
from functions.auth.domain.email import Email
from functions.auth.domain.registration import Registration
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import User
from functions.kernel import Role, new_id
from functions.runtime.config.settings import Settings
from functions.runtime.email.transport import email_transport
from tests.capsule import FixedClock

NOW = FixedClock().now()


def failed_registration(reason: str) -> Registration:
    user, _ = User.register(Email("a&b@example.org"), "hash", NOW)
    registration, _ = Registration.of(user, "c-1")
    for event in (
        CustomerCreated(customer_id=registration.id, user_id=registration.id, plan="free", at=NOW),
        QuotaGranted(user_id=registration.id, applications=1, memory_mib=1, at=NOW),
        PaymentAccountChanged(customer_id=registration.id, user_id=registration.id, status="refused", detail=reason, at=NOW),
        PaymentAccountChanged(customer_id=registration.id, user_id=registration.id, status="given-up", at=NOW),
    ):
        registration.observe(event, NOW)
    return registration


async def test_administrators_get_step_reason_and_command_to_resume(tmp_path: Path) -> None:
    settings = Settings({"CAPSULE_MAIL_URL": f"maildir://{tmp_path}/mail", "CAPSULE_PUBLIC_URL": "https://capsule.example/"})
    registration, intent = failed_registration("<b>no</b>"), new_id()
    await EmailMailer(email_transport(settings, FixedClock()), settings).send_registration_failed(intent, "root@example.org", registration)

    (delivered,) = mailbox.Maildir(tmp_path / "mail", create=False)
    message = message_from_bytes(delivered.as_bytes(), policy=policy.default)
    assert (message["To"], message["Message-ID"]) == ("root@example.org", f"<{intent}@capsule.localhost>")
    assert message["Subject"] == "Capsule: registration failed at the step payment-account"
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None and html is not None
    text = plain.get_content()
    assert "a&b@example.org" in text and "payment-account (refused)" in text and "Last error: <b>no</b>" in text
    assert f"https://capsule.example/v1/auth/registrations/{registration.id}/resume" in text and "curl -X POST" in text
    assert "a&amp;b@example.org" in html.get_content() and "&lt;b&gt;no&lt;/b&gt;" in html.get_content()


async def test_the_link_of_an_invitation_leads_to_the_dashboard(tmp_path: Path) -> None:
    settings = Settings({"CAPSULE_MAIL_URL": f"maildir://{tmp_path}/mail", "CAPSULE_DASHBOARD_URL": "https://dashboard.example/"})
    mailer = EmailMailer(email_transport(settings, FixedClock()), settings)
    await mailer.send_invitation(new_id(), "bob@example.org", "crew", "ada@example.org", Role.DEVELOPER, OpaqueToken("a-token"))
    (delivered,) = mailbox.Maildir(tmp_path / "mail", create=False)
    plain = message_from_bytes(delivered.as_bytes(), policy=policy.default).get_body(("plain",))
    assert plain is not None
    link = "https://dashboard.example/accept-invitation?token=a-token"
    assert f"Accept the invitation:\n{link}\n" in plain.get_content() and "capsule teams accept" in plain.get_content()
