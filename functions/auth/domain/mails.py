"""Which mails may be sent: nobody is to be flooded by us because a stranger typed their address often."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

MOST_AT_ONCE = 5
WITHIN = timedelta(hours=1)
NAMESPACE = UUID("6f1c8d0a-3a51-5c0e-9d0e-5f1c0c7b2a44")


class MailKind(StrEnum):
    VERIFICATION = "verification"
    REGISTRATION_REPEATED = "registration-repeated"
    REGISTRATION_FAILED = "registration-failed"


@dataclass(frozen=True, slots=True)
class SentMail:
    intent: UUID
    user_id: UUID
    kind: MailKind
    sent_at: datetime


def intent_of(kind: MailKind, address: str, at: datetime) -> UUID:
    """The same for every delivery of the event that asks for the mail, so that a mail sent twice is recognisably one."""
    return uuid.uuid5(NAMESPACE, f"{kind}|{address}|{at.isoformat()}")


def may_send(sent_lately: int) -> bool:
    """`sent_lately`: mails of that kind to that user within `WITHIN`."""
    return sent_lately < MOST_AT_ONCE
