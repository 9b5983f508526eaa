"""An e-mail to send, and its MIME message."""

from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from uuid import UUID

from functions.kernel import Clock


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OutgoingEmail:
    """`intent`: identifies the wish to send it. An e-mail that is sent again for the same intent has the same Message-ID.

    `is_requested_again`: the owner of the mailbox asks for it again, so it is sent to an address that bounced too.
    """

    intent: UUID
    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()
    is_requested_again: bool = False


def build_message(email: OutgoingEmail, sender: str, clock: Clock) -> EmailMessage:
    """Build the MIME message (RFC 5322): plain text, HTML, attachments."""
    to = _deliverable(email.to)
    message = EmailMessage(policy=SMTP if to.isascii() else SMTPUTF8)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = email.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{email.intent}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: prevents automatic replies
    # 7bit where possible, so that links can be copied from the file in a Maildir
    message.set_content(email.text, cte="7bit" if email.text.isascii() else "quoted-printable")
    message.add_alternative(email.html, subtype="html")
    for attachment in email.attachments:
        main, _, sub = attachment.media_type.partition("/")
        message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.name)
    return message


def _deliverable(address: str) -> str:
    """Return the address with its domain in IDNA form, which all mail servers accept. A local part beyond ASCII needs a server with SMTPUTF8."""
    if address.isascii():
        return address
    from email_validator import validate_email  # heavy, and rarely needed

    return validate_email(address, check_deliverability=False, globally_deliverable=False).ascii_email or address
