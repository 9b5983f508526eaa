"""Send another verification e-mail.

Sends nothing if the address has no account, is verified, or has received too many e-mails recently.
"""

from events.auth import EmailVerificationRequested
from functions.auth.domain.email import Email
from functions.auth.domain.email_limits import LIMIT_WINDOW, EmailKind, SentEmail, derive_intent, may_send
from functions.auth.domain.tokens import VerificationToken
from functions.auth.ports import EmailTokens, Mailer, SentEmails, Users, VerificationTokens
from functions.kernel import Clock, Work, effect


@effect()
async def on_email_verification_requested(
    event: EmailVerificationRequested,
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
        recent_count = await sent_emails.count(user.id, EmailKind.VERIFICATION, since=now - LIMIT_WINDOW) if user else 0
    if user is None or user.is_verified or not may_send(recent_count):
        return

    intent = derive_intent(EmailKind.VERIFICATION, user.email, event.at)
    token = email_tokens.mint(intent)
    async with work.preparing():
        await verifications.add(VerificationToken.for_intent(intent, user.id, token, now))

    await mailer.send_verification(intent, user.email, token, is_requested_again=True)

    async with work.recording():
        await sent_emails.add(SentEmail(intent, user.id, EmailKind.VERIFICATION, now))
