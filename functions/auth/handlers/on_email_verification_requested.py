"""Another verification mail, if the address has an account that waits for it and has not been mailed too often lately."""

from events.auth import EmailVerificationRequested
from functions.auth.domain.email import Email
from functions.auth.domain.mails import WITHIN, MailKind, SentMail, intent_of, may_send
from functions.auth.domain.tokens import VerificationToken
from functions.auth.ports import Mailer, MailTokens, SentMails, Users, VerificationTokens
from functions.kernel import Clock, Work, effect


@effect()
async def on_email_verification_requested(
    requested: EmailVerificationRequested,
    users: Users,
    verifications: VerificationTokens,
    sent_mails: SentMails,
    mail_tokens: MailTokens,
    mailer: Mailer,
    clock: Clock,
    work: Work,
) -> None:
    now = clock.now()
    async with work.reading():
        user = await users.by_email(Email(requested.email))
        lately = await sent_mails.count(user.id, MailKind.VERIFICATION, since=now - WITHIN) if user else 0
    if user is None or user.is_verified or not may_send(lately):
        return

    intent = intent_of(MailKind.VERIFICATION, user.email, requested.at)
    token = mail_tokens.mint(intent)
    async with work.preparing():
        await verifications.add(VerificationToken.minted(intent, user.id, token, now))

    await mailer.send_verification(intent, user.email, token)

    async with work.recording():
        await sent_mails.add(SentMail(intent, user.id, MailKind.VERIFICATION, now))
