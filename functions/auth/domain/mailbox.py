"""E-mails in the mailbox of one machine: what this installation would have sent."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from functions.kernel import Model, NotFound


@dataclass(frozen=True, slots=True)
class ReceivedEmail:
    """`id`: its name in the mailbox. `attachments`: file names."""

    id: str
    to: str
    subject: str
    at: datetime
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    attachments: tuple[str, ...] = ()


class MailboxEmailView(Model):
    id: str
    to: str
    subject: str
    at: datetime

    @classmethod
    def of(cls, email: ReceivedEmail) -> Self:
        return cls(id=email.id, to=email.to, subject=email.subject, at=email.at)


class MailboxEmailDetailView(MailboxEmailView):
    text: str
    html: str
    attachments: list[str]

    @classmethod
    def of(cls, email: ReceivedEmail) -> Self:
        return cls(
            id=email.id,
            to=email.to,
            subject=email.subject,
            at=email.at,
            text=email.text,
            html=email.html,
            attachments=list(email.attachments),
        )


class NoMailbox(NotFound):
    """This installation sends its e-mails and keeps none. Only with `CAPSULE_MAIL_URL=maildir://…` there is a mailbox."""


class EmailNotFound(NotFound):
    """The mailbox has no e-mail with this id. `GET /v1/operations/mailbox` lists the newest."""
