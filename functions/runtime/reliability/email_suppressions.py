"""Addresses that get no e-mails. Each context has its own list, so that no function asks another context.

`email-address.suppressed` and `email-address.unsuppressed` keep the lists alike (`operations.on_address_suppressed`). Both times only grow, so
an event that arrives twice, late or in another order changes nothing. A complaint stays one when the address bounces too, in either order.
"""

from collections.abc import Sequence
from datetime import datetime

from events.platform import AddressSuppressed
from functions.kernel import Clock, Event
from functions.runtime.reliability import outbox
from functions.runtime.reliability.outbox import EventRouting
from functions.runtime.reliability.outbox_publisher import OutboxPublisher
from functions.runtime.storage.database import Database
from functions.wire.cloudevents import new_message
from functions.wire.email_suppression import MAX_DETAIL_LENGTH, Suppression, SuppressionReason, suppression_key

COLUMNS = "address, reason, detail, suppressed_at"
ACTIVE = "(lifted_at IS NULL OR lifted_at < suppressed_at)"
IS_COMPLAINT = "(stored.reason = 'complaint' AND (stored.lifted_at IS NULL OR stored.lifted_at < stored.suppressed_at))"
SOURCE = "email"


class EmailSuppressions:
    """The list of one context. Its methods run in the open transaction, `is_suppressed` and `report` in one of their own."""

    def __init__(self, context: str, database: Database, outbox_publisher: OutboxPublisher, clock: Clock) -> None:
        self._context, self._database, self._outbox_publisher, self._clock = context, database, outbox_publisher, clock

    async def suppress(self, suppression: Suppression) -> bool:
        """Add an address. Returns whether the list has changed: not by what is older than its row, or than the lifting.

        A complaint replaces a bounce of any time after the lifting; a bounce does not replace a complaint that is not lifted.
        """
        cursor = await self._database.connection.execute(
            f"""
            INSERT INTO email_suppressions AS stored ({COLUMNS}) VALUES (%s, %s, %s, %s)
            ON CONFLICT (address) DO UPDATE SET
                reason = CASE WHEN {IS_COMPLAINT} THEN stored.reason ELSE excluded.reason END,
                detail = CASE WHEN {IS_COMPLAINT} THEN stored.detail ELSE excluded.detail END,
                suppressed_at = greatest(stored.suppressed_at, excluded.suppressed_at)
            WHERE excluded.suppressed_at > coalesce(stored.lifted_at, '-infinity')
                AND (excluded.suppressed_at > stored.suppressed_at OR (excluded.reason = 'complaint' AND stored.reason = 'bounce'))
            """,
            (suppression_key(suppression.address), suppression.reason, suppression.detail[:MAX_DETAIL_LENGTH], suppression.suppressed_at),
        )
        return cursor.rowcount == 1

    async def lift(self, address: str, at: datetime) -> bool:
        """Send to an address again, unless it bounces after `at`. Returns whether it was suppressed."""
        found = await self.find(address)
        await self._database.connection.execute(
            """
            INSERT INTO email_suppressions AS stored (address, reason, detail, suppressed_at, lifted_at) VALUES (%s, 'bounce', '', '-infinity', %s)
            ON CONFLICT (address) DO UPDATE SET lifted_at = greatest(stored.lifted_at, excluded.lifted_at)
            """,  # a row of an address that was never suppressed here: its suppression may arrive later than its lifting
            (suppression_key(address), at),
        )
        return found is not None and found.suppressed_at <= at

    async def find(self, address: str) -> Suppression | None:
        return next(iter(await self._many(f"{ACTIVE} AND address = %s", suppression_key(address))), None)

    async def find_lifted_at(self, address: str) -> datetime | None:
        """Return when the suppression of an address was last lifted."""
        cursor = await self._database.connection.execute("SELECT lifted_at FROM email_suppressions WHERE address = %s", (suppression_key(address),))
        row = await cursor.fetchone()
        return row[0] if row else None

    async def list_page(self, search: str, *, after: str | None, limit: int) -> Sequence[Suppression]:
        """Return suppressed addresses that contain `search`, greater than `after`, in their order."""
        condition = f"{ACTIVE} AND position(%s in address) > 0 AND (%s::text IS NULL OR address > %s) ORDER BY address LIMIT %s"
        return await self._many(condition, suppression_key(search), after, after, limit)

    async def is_suppressed(self, address: str, *, except_bounces: bool = False) -> bool:
        async with self._database.transaction(read_only=True):
            found = await self.find(address)
        return found is not None and not (except_bounces and found.reason is SuppressionReason.BOUNCE)

    async def report(self, address: str, detail: str) -> None:
        """Add an address whose mail server refused it, and tell the other contexts. Idempotent."""
        now = self._clock.now()
        suppression = Suppression(suppression_key(address), SuppressionReason.BOUNCE, detail[:MAX_DETAIL_LENGTH], now)
        async with self._database.transaction() as connection:
            if not await self.suppress(suppression):
                return
            cause = new_message(SOURCE, f"/capsule/{self._context}", b"", now)
            event = AddressSuppressed(address=suppression.address, reason=suppression.reason, detail=suppression.detail, at=now)
            pending = outbox.pending_events([event], cause, None, EventRouting(self._context, _no_handler, _is_declared), now)
            outbox.enqueue(connection, pending)
        await self._outbox_publisher.flush([each.committed_row() for each in pending])

    async def _many(self, condition: str, *values: object) -> list[Suppression]:
        cursor = await self._database.connection.execute(f"SELECT {COLUMNS} FROM email_suppressions WHERE {condition}", values)
        return [Suppression(row[0], SuppressionReason(row[1]), row[2], row[3]) for row in await cursor.fetchall()]


def _no_handler(event: type[Event]) -> str:
    raise LookupError(f"{event.type} is published to all contexts, not sent to one function")


def _is_declared(event: type[Event]) -> None:
    """Every context declares AddressSuppressed: with `on_address_suppressed`."""
