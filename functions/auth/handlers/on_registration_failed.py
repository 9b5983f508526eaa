"""Tell the administrators about a failed registration.

Each administrator gets at most a few e-mails per hour, however many registrations fail; GET /v1/auth/registrations
lists all of them.
"""

from events.auth import RegistrationFailed
from functions.auth.domain.email_limits import LIMIT_WINDOW, EmailKind, SentEmail, derive_intent, may_send
from functions.auth.ports import Mailer, Registrations, SentEmails, Users
from functions.kernel import Clock, Work, effect


@effect()
async def on_registration_failed(
    event: RegistrationFailed, users: Users, registrations: Registrations, sent_emails: SentEmails, mailer: Mailer, clock: Clock, work: Work
) -> None:
    now, kind = clock.now(), EmailKind.REGISTRATION_FAILED
    async with work.reading():
        registration = await registrations.get(event.user_id)
        admins = [
            admin for admin in await users.list_verified_admins() if may_send(await sent_emails.count(admin.id, kind, since=now - LIMIT_WINDOW))
        ]
    if registration is None or registration.failed_step is None:
        return

    emails = [(admin, derive_intent(kind, f"{admin.email}|{registration.id}", event.at)) for admin in admins]
    for admin, intent in emails:
        await mailer.send_registration_failed(intent, admin.email, registration)

    async with work.recording():
        for admin, intent in emails:
            await sent_emails.add(SentEmail(intent, admin.id, kind, now))
