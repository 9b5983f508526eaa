"""An address that e-mails do not reach, or whose owner wants none."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_DETAIL_LENGTH = 500


def suppression_key(address: str) -> str:
    """Return an address in the form in which lists hold it: lower case, its domain in ASCII (IDNA 2008), as mail services report it.

    A domain that IDNA does not allow stays as it is.
    """
    key = address.strip().lower()
    if key.isascii():
        return key
    import idna  # rarely needed

    local_part, at, domain = key.rpartition("@")
    try:
        return f"{local_part}{at}{idna.encode(domain, uts46=True).decode()}"
    except UnicodeError:
        return key


class SuppressionReason(StrEnum):
    BOUNCE = "bounce"
    """A mail server refused the address for good: there is no such mailbox, or it is disabled."""
    COMPLAINT = "complaint"
    """The owner of the mailbox reported an e-mail as spam."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """`address`: see `suppression_key`. `detail`: the answer of the mail server or the mailbox provider."""

    address: str
    reason: SuppressionReason
    detail: str
    suppressed_at: datetime

    def lifting_time(self, now: datetime) -> datetime:
        """Return the time to lift it at: not before it began, so that it ends also when the clock that it is of was fast."""
        return max(now, self.suppressed_at)
