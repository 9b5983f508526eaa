"""List the e-mails that this machine keeps in files.

For development: only where `CAPSULE_MAIL_URL` names a folder, and for administrators, because e-mails contain links that sign in.
"""

from pydantic import Field

from functions.auth.domain.mailbox import MailboxEmailView, NoMailbox
from functions.auth.ports import Mailbox
from functions.kernel import ADMIN, Model, Page, Scale, Work, query


class ListMailbox(Model):
    limit: int = Field(default=50, ge=1, le=200)


@query(http="GET /v1/operations/mailbox", allow=ADMIN, rejects=[NoMailbox], is_session_only=True, scale=Scale(max=1))
async def mailbox(request: ListMailbox, mailbox: Mailbox, work: Work) -> Page[MailboxEmailView]:
    return Page(items=[MailboxEmailView.of(each) for each in await mailbox.list_newest(request.limit)])
