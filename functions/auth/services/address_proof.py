"""What it means for the list of suppressed addresses that somebody has received an e-mail and used its link."""

from datetime import datetime

from events.platform import AddressUnsuppressed
from functions.auth.ports import Suppressions
from functions.kernel import Events
from functions.wire.email_suppression import SuppressionReason


class AddressProof:
    def __init__(self, suppressions: Suppressions) -> None:
        self._suppressions = suppressions

    async def lift_bounce(self, address: str, now: datetime) -> Events:
        """Send to an address again that bounced before: its mailbox works. A complaint stands. Returns the events to publish."""
        found = await self._suppressions.find(address)
        if found is None or found.reason is SuppressionReason.COMPLAINT:
            return ()
        at = found.lifting_time(now)
        await self._suppressions.lift(address, at)
        return (AddressUnsuppressed(address=found.address, at=at),)
