"""Tell users by e-mail of a change that concerns the security of their account, so that they notice what they have not done themselves.

At most one notice of each kind reaches a user within a minute: whoever holds a session cannot flood the mailbox.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.auth.domain.email_limits import NOTICE_WINDOW, EmailKind, SentEmail, derive_intent
from functions.auth.ports import Mailer, SentEmails, Users
from functions.kernel import Clock, Work


@dataclass(frozen=True, slots=True)
class Notices:
    """For effects. The function runs in one process, one message at a time (`NOTICE_SCALE`), so that the limit holds."""

    users: Users
    sent_emails: SentEmails
    mailer: Mailer
    clock: Clock

    async def send(self, kind: EmailKind, user_id: UUID, at: datetime, work: Work, detail: str = "") -> None:
        """Send a notice and claim the message. Nothing is sent to a user without an account. `detail`: for people."""
        now = self.clock.now()
        async with work.reading():
            user = await self.users.get(user_id)
            is_limited = user is not None and await self.sent_emails.count(user_id, kind, since=now - NOTICE_WINDOW) > 0
        intent = derive_intent(kind, str(user_id), at)
        if user is not None and not is_limited:
            await self.mailer.send_notice(intent, user.email, kind, at, detail)
        async with work.recording():
            if user is not None and not is_limited:
                await self.sent_emails.add(SentEmail(intent, user_id, kind, now))
