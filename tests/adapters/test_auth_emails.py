"""The letter to an administrator about a registration that was given up: what to look at, how to go on; and what strangers typed is no HTML."""

import mailbox
from email import message_from_bytes, policy
from pathlib import Path

from events.billing import CustomerCreated, PaymentAccountChanged
from events.deploy import QuotaGranted
from functions.auth.adapters.emails import EmailMailer
from functions.auth.domain.email import Email
from functions.auth.domain.registration import Registration
from functions.auth.domain.user import User
from functions.kernel import new_id
from functions.runtime.config.settings import Settings
from functions.runtime.email.transport import email_transport
from tests.auth.world import StandingClock

NOW = StandingClock().now()


def failed_step(why: str) -> Registration:
    made, _ = Registration.of(User.register(Email("a&b@example.org"), "hash", NOW), "c-1")
    for fact in (
        CustomerCreated(customer_id=made.id, user_id=made.id, plan="free", at=NOW),
        QuotaGranted(user_id=made.id, applications=1, memory_mib=1, at=NOW),
        PaymentAccountChanged(customer_id=made.id, user_id=made.id, status="refused", detail=why, at=NOW),
        PaymentAccountChanged(customer_id=made.id, user_id=made.id, status="given-up", at=NOW),
    ):
        made.observe(fact, NOW)
    return made


async def test_an_administrator_reads_what_was_given_up_why_and_how_to_resume_it(tmp_path: Path) -> None:
    settings = Settings({"CAPSULE_MAIL_URL": f"maildir://{tmp_path}/mail", "CAPSULE_PUBLIC_URL": "https://capsule.example/"})
    registration, intent = failed_step("<b>no</b>"), new_id()
    await EmailMailer(email_transport(settings, StandingClock()), settings).send_registration_failed(intent, "root@example.org", registration)

    (kept,) = mailbox.Maildir(tmp_path / "mail", create=False)
    message = message_from_bytes(kept.as_bytes(), policy=policy.default)
    assert (message["To"], message["Message-ID"]) == ("root@example.org", f"<{intent}@capsule.localhost>")
    assert message["Subject"] == "A registration with Capsule was given up at payment-account"
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None and html is not None
    text = plain.get_content()
    assert "a&b@example.org" in text and "payment-account (refused)" in text and "The last error: <b>no</b>" in text
    assert f"POST https://capsule.example/v1/auth/registrations/{registration.id}/resume" in text
    assert "a&amp;b@example.org" in html.get_content() and "&lt;b&gt;no&lt;/b&gt;" in html.get_content()
