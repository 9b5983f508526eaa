"""Whether e-mails reach an address, as its user and administrators see it."""

from datetime import datetime, timedelta
from typing import Self

from pydantic import Field

from functions.kernel import Conflict, Model, NotFound, TooManyRequests
from functions.wire.email_suppression import Suppression, SuppressionReason

LIFT_INTERVAL = timedelta(hours=24)
"""Between two liftings by the user: an address that bounces again and again harms the reputation of the sender."""


class EmailDeliveryView(Model):
    """`is_suppressed`: no e-mails are sent to the address of the account."""

    email: str
    is_suppressed: bool
    reason: SuppressionReason | None = Field(description="`bounce`: the mail server refuses the address. `complaint`: reported as spam.")
    detail: str | None = Field(description="What the mail server said.")
    suppressed_at: datetime | None

    @classmethod
    def of(cls, email: str, suppression: Suppression | None) -> Self:
        if suppression is None:
            return cls(email=email, is_suppressed=False, reason=None, detail=None, suppressed_at=None)
        found = suppression
        return cls(email=email, is_suppressed=True, reason=found.reason, detail=found.detail, suppressed_at=found.suppressed_at)


class EmailSuppressionView(Model):
    """An address that gets no e-mails."""

    address: str
    reason: SuppressionReason
    detail: str
    suppressed_at: datetime

    @classmethod
    def of(cls, suppression: Suppression) -> Self:
        return cls(address=suppression.address, reason=suppression.reason, detail=suppression.detail, suppressed_at=suppression.suppressed_at)


class AddressNotSuppressed(NotFound):
    """E-mails are sent to this address: there is nothing to lift. `GET /v1/admin/email-suppressions` lists those that get none."""


class LiftedRecently(TooManyRequests):
    """The suppression of this address was lifted within the last 24 hours, and e-mails bounced again. Check the mailbox, or use another address."""


class ComplaintStands(Conflict):
    """The owner of this mailbox reported an e-mail as spam. Ask an administrator to lift the suppression."""
