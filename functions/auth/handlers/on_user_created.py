"""Send the verification e-mail to a new user.

The token is created here and is in no event. Its hash is stored before the e-mail leaves, so the link always works.
After a crash in between, the same intent sends the same e-mail again under the same Message-ID.
"""

from events.auth import UserCreated
from functions.auth.domain.email_limits import EmailKind, SentEmail, derive_intent
from functions.auth.domain.tokens import VerificationToken
from functions.auth.ports import EmailTokens, Mailer, SentEmails, Users, VerificationTokens
from functions.kernel import Clock, Work, effect


@effect()
async def on_user_created(
    event: UserCreated,
    users: Users,
    verifications: VerificationTokens,
    sent_emails: SentEmails,
    email_tokens: EmailTokens,
    mailer: Mailer,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        user = await users.get(event.user_id)
    if user is None or user.is_verified:
        return

    now, intent = clock.now(), derive_intent(EmailKind.VERIFICATION, event.email, event.at)
    token = email_tokens.mint(intent)
    async with work.preparing():
        await verifications.add(VerificationToken.for_intent(intent, user.id, token, now))

    await mailer.send_verification(intent, user.email, token)

    async with work.recording():
        await sent_emails.add(SentEmail(intent, user.id, EmailKind.VERIFICATION, now))
