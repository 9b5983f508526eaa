"""Tell the owner of an address about a second registration.

If its account is not verified, the e-mail is the one with the link: whoever registered first may not be the reader, and the
reader sets the password with the link.
"""

from events.auth import RegistrationRepeated
from functions.auth.domain.email import Email
from functions.auth.domain.email_limits import LIMIT_WINDOW, EmailKind, SentEmail, derive_intent, may_send
from functions.auth.domain.tokens import VerificationToken
from functions.auth.ports import EmailTokens, Mailer, SentEmails, Users, VerificationTokens
from functions.kernel import Clock, Work, effect


@effect()
async def on_registration_repeated(
    event: RegistrationRepeated,
    users: Users,
    verifications: VerificationTokens,
    sent_emails: SentEmails,
    email_tokens: EmailTokens,
    mailer: Mailer,
    clock: Clock,
    work: Work,
) -> None:
    now = clock.now()
    async with work.reading():
        user = await users.get_by_email(Email(event.email))
        kind = EmailKind.REGISTRATION_REPEATED if user is None or user.is_verified else EmailKind.VERIFICATION
        recent_count = await sent_emails.count(user.id, kind, since=now - LIMIT_WINDOW) if user else 0
    if user is None or not may_send(recent_count):
        return

    intent = derive_intent(kind, user.email, event.at)
    if user.is_verified:
        await mailer.send_registration_repeated(intent, user.email)
    else:
        token = email_tokens.mint(intent)
        async with work.preparing():
            await verifications.add(VerificationToken.for_intent(intent, user.id, token, now))
        await mailer.send_verification(intent, user.email, token)

    async with work.recording():
        await sent_emails.add(SentEmail(intent, user.id, kind, now))
