"""Show an e-mail that this machine keeps in files."""

from typing import Annotated

from pydantic import Field

from functions.auth.domain.mailbox import EmailNotFound, MailboxEmailDetailView, NoMailbox
from functions.auth.ports import Mailbox
from functions.kernel import ADMIN, Model, Scale, Text, Work, query


class ShowMailboxEmail(Model):
    email_id: Annotated[Text, Field(max_length=255)]


@query(http="GET /v1/operations/mailbox/{email_id}", allow=ADMIN, rejects=[NoMailbox, EmailNotFound], is_session_only=True, scale=Scale(max=1))
async def mailbox_email(request: ShowMailboxEmail, mailbox: Mailbox, work: Work) -> MailboxEmailDetailView:
    return MailboxEmailDetailView.of(await mailbox.read(request.email_id))
