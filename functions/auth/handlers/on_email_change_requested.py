"""Send the links that confirm a change of the e-mail address.

Sends nothing for a change that was replaced or cancelled, or if too many were requested recently. A new address with a
verified account gets a notice in place of a link.
"""

from events.auth import EmailChangeRequested
from functions.auth.domain.email import Email
from functions.auth.domain.email_change import Side, link_intent
from functions.auth.domain.email_limits import LIMIT_WINDOW, EmailKind, SentEmail, may_send
from functions.auth.ports import EmailChanges, EmailTokens, Mailer, SentEmails, Users
from functions.kernel import Clock, Work, effect


@effect()
async def on_email_change_requested(
    event: EmailChangeRequested,
    changes: EmailChanges,
    users: Users,
    sent_emails: SentEmails,
    email_tokens: EmailTokens,
    mailer: Mailer,
    clock: Clock,
    work: Work,
) -> None:
    now, kind = clock.now(), EmailKind.EMAIL_CHANGE
    async with work.reading():
        user, change = await users.get(event.user_id), await changes.get(event.user_id)
        other = await users.get_by_email(Email(change.email)) if change else None
        recent_count = await sent_emails.count(event.user_id, kind, since=now - LIMIT_WINDOW)
    if user is None or change is None or change.id != event.change_id or not change.is_pending(now) or not may_send(recent_count):
        return

    current, new = link_intent(change.id, Side.CURRENT), link_intent(change.id, Side.NEW)
    await mailer.send_email_change(current, user.email, change.email, email_tokens.mint(current))
    if other is not None and other.is_verified:
        await mailer.send_address_in_use(new, change.email)
    else:
        await mailer.send_email_change(new, change.email, change.email, email_tokens.mint(new))

    async with work.recording():
        await sent_emails.add(SentEmail(change.id, user.id, kind, now))
