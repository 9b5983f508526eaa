"""The owner of an account learns that somebody tried to register with their address.

The mail holds no verification link even if the account waits for one: whoever registered first may not be who reads it, and must not be let in by
a click of the owner.
"""

from events.auth import RegistrationRepeated
from functions.auth.domain.email import Email
from functions.auth.domain.mails import WITHIN, MailKind, SentMail, intent_of, may_send
from functions.auth.ports import Mailer, SentMails, Users
from functions.kernel import Clock, Work, effect


@effect()
async def on_registration_repeated(
    repeated: RegistrationRepeated, users: Users, sent_mails: SentMails, mailer: Mailer, clock: Clock, work: Work
) -> None:
    now = clock.now()
    async with work.reading():
        user = await users.by_email(Email(repeated.email))
        lately = await sent_mails.count(user.id, MailKind.REGISTRATION_REPEATED, since=now - WITHIN) if user else 0
    if user is None or not may_send(lately):
        return

    intent = intent_of(MailKind.REGISTRATION_REPEATED, user.email, repeated.at)
    await mailer.send_registration_repeated(intent, user.email, user.is_verified)

    async with work.recording():
        await sent_mails.add(SentMail(intent, user.id, MailKind.REGISTRATION_REPEATED, now))
