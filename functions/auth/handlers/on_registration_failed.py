"""A registration was given up: the administrators are told by mail, each a few times an hour at most, however many fail for the same cause; the list
has them all."""

from events.auth import RegistrationFailed
from functions.auth.domain.mails import WITHIN, MailKind, SentMail, intent_of, may_send
from functions.auth.ports import Mailer, Registrations, SentMails, Users
from functions.kernel import Clock, Work, effect


@effect()
async def on_registration_failed(
    failed: RegistrationFailed, users: Users, registrations: Registrations, sent_mails: SentMails, mailer: Mailer, clock: Clock, work: Work
) -> None:
    now = clock.now()
    async with work.reading():
        registration = await registrations.get(failed.user_id)
        admins = await users.admins()
        lately = {admin.id: await sent_mails.count(admin.id, MailKind.REGISTRATION_FAILED, since=now - WITHIN) for admin in admins}
    if registration is None or registration.given_up is None:
        return

    told = [
        (admin, intent_of(MailKind.REGISTRATION_FAILED, f"{admin.email}|{registration.id}", failed.at))
        for admin in admins
        if may_send(lately[admin.id])
    ]
    for admin, intent in told:
        await mailer.send_registration_failed(intent, admin.email, registration)

    async with work.recording():
        for admin, intent in told:
            await sent_mails.add(SentMail(intent, admin.id, MailKind.REGISTRATION_FAILED, now))
