"""A new user gets the mail with the verification link.

The token is minted here and is in no event. Its hash is stored before the mail goes out, so that the link works whenever it is read; after a crash
in between, the same intent makes the same mail again, under the same Message-ID.
"""

from events.auth import UserCreated
from functions.auth.domain.mails import MailKind, SentMail, intent_of
from functions.auth.domain.tokens import VerificationToken
from functions.auth.ports import Mailer, MailTokens, SentMails, Users, VerificationTokens
from functions.kernel import Clock, Work, effect


@effect()
async def on_user_created(
    created: UserCreated,
    users: Users,
    verifications: VerificationTokens,
    sent_mails: SentMails,
    mail_tokens: MailTokens,
    mailer: Mailer,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        user = await users.get(created.user_id)
    if user is None or user.is_verified:
        return

    now, intent = clock.now(), intent_of(MailKind.VERIFICATION, created.email, created.at)
    token = mail_tokens.mint(intent)
    async with work.preparing():
        await verifications.add(VerificationToken.minted(intent, user.id, token, now))

    await mailer.send_verification(intent, user.email, token)

    async with work.recording():
        await sent_mails.add(SentMail(intent, user.id, MailKind.VERIFICATION, now))
