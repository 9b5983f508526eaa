"""An address that e-mails do not reach, or whose owner wants none."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_DETAIL_LENGTH = 500


class SuppressionReason(StrEnum):
    BOUNCE = "bounce"
    """A mail server refused the address for good: there is no such mailbox, or it is disabled."""
    COMPLAINT = "complaint"
    """The owner of the mailbox reported an e-mail as spam."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """`address`: in lower case. `detail`: what the mail server or the mailbox provider said."""

    address: str
    reason: SuppressionReason
    detail: str
    suppressed_at: datetime
