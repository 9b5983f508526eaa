"""Send the link to reset a password.

Sends nothing if the address has no account or has received too many e-mails recently. The newest link replaces earlier ones.
"""

from events.auth import PasswordResetRequested
from functions.auth.domain.email import Email
from functions.auth.domain.email_limits import LIMIT_WINDOW, EmailKind, SentEmail, derive_intent, may_send
from functions.auth.domain.tokens import TokenPurpose, VerificationToken
from functions.auth.ports import EmailTokens, Mailer, SentEmails, Users, VerificationTokens
from functions.kernel import Clock, Work, effect


@effect()
async def on_password_reset_requested(
    event: PasswordResetRequested,
    users: Users,
    tokens: VerificationTokens,
    sent_emails: SentEmails,
    email_tokens: EmailTokens,
    mailer: Mailer,
    clock: Clock,
    work: Work,
) -> None:
    now, kind = clock.now(), EmailKind.PASSWORD_RESET
    async with work.reading():
        user = await users.get_by_email(Email(event.email))
        recent_count = await sent_emails.count(user.id, kind, since=now - LIMIT_WINDOW) if user else 0
    if user is None or not may_send(recent_count):
        return

    intent = derive_intent(kind, user.email, event.at)
    token = email_tokens.mint(intent)
    async with work.preparing():
        await tokens.add(VerificationToken.for_intent(intent, user.id, token, event.at, TokenPurpose.PASSWORD_RESET))
        await tokens.use_older(user.id, TokenPurpose.PASSWORD_RESET, now)

    await mailer.send_password_reset(intent, user.email, token)

    async with work.recording():
        await sent_emails.add(SentEmail(intent, user.id, kind, now))
