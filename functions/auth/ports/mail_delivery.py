"""Addresses that get no e-mails, notifications of the mail service, and the mailbox of one machine."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from functions.auth.domain.mailbox import ReceivedEmail
from functions.auth.domain.ses_notification import SnsMessage
from functions.wire.email_suppression import Suppression


class Suppressions(Protocol):
    """This context's list. The other contexts that send e-mails follow it by `email-address.suppressed` and `email-address.unsuppressed`."""

    async def find(self, address: str) -> Suppression | None: ...

    async def find_lifted_at(self, address: str) -> datetime | None:
        """Return when the suppression of an address was last lifted."""
        ...

    async def suppress(self, suppression: Suppression) -> bool:
        """Add an address. Returns whether the list has changed: not by what is older than its row, or than the lifting."""
        ...

    async def lift(self, address: str, at: datetime) -> bool:
        """Send to an address again. Returns whether it was suppressed."""
        ...

    async def list_page(self, search: str, *, after: str | None, limit: int) -> Sequence[Suppression]:
        """Return suppressed addresses that contain `search`, greater than `after`, in their order."""
        ...


class Notifications(Protocol):
    """Messages of Amazon SNS."""

    def accepts(self, topic: str) -> bool:
        """Whether an operator has listed the topic's ARN."""
        ...

    async def verify(self, message: SnsMessage) -> None:
        """External. Raises ForgedNotification for a message that SNS has not signed, Transient while its certificate cannot be fetched."""
        ...

    async def confirm(self, message: SnsMessage) -> None:
        """Confirm the subscription of a verified message. External. Raises Transient, and ForgedNotification for a URL that is not of SNS."""
        ...


class Mailbox(Protocol):
    """E-mails that this installation has written into files in place of sending them."""

    async def list_newest(self, limit: int) -> Sequence[ReceivedEmail]:
        """Return the newest e-mails, newest first, without their texts. External. Raises NoMailbox where e-mails are sent."""
        ...

    async def read(self, id: str) -> ReceivedEmail:
        """Return one e-mail with its texts. External. Raises NoMailbox and EmailNotFound."""
        ...
