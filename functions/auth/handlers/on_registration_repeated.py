"""Tell the owner of an account about a second registration.

The e-mail contains no verification link, even if the account is not verified: whoever registered first may not be the
reader, and a click of the reader must not let them in.
"""

from events.auth import RegistrationRepeated
from functions.auth.domain.email import Email
from functions.auth.domain.email_limits import LIMIT_WINDOW, EmailKind, SentEmail, derive_intent, may_send
from functions.auth.ports import Mailer, SentEmails, Users
from functions.kernel import Clock, Work, effect


@effect()
async def on_registration_repeated(
    event: RegistrationRepeated, users: Users, sent_emails: SentEmails, mailer: Mailer, clock: Clock, work: Work
) -> None:
    now = clock.now()
    async with work.reading():
        user = await users.get_by_email(Email(event.email))
        recent_count = await sent_emails.count(user.id, EmailKind.REGISTRATION_REPEATED, since=now - LIMIT_WINDOW) if user else 0
    if user is None or not may_send(recent_count):
        return

    intent = derive_intent(EmailKind.REGISTRATION_REPEATED, user.email, event.at)
    await mailer.send_registration_repeated(intent, user.email, user.is_verified)

    async with work.recording():
        await sent_emails.add(SentEmail(intent, user.id, EmailKind.REGISTRATION_REPEATED, now))
