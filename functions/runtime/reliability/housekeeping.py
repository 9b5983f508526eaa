"""What every context cleans up: events that a crashed process left in the outbox, overdue parked events, old rows,
secrets that are sealed with a former key.

While dead letters are open it also reports their number and age, which monitor's alerts are based on. Rows are handled in
batches, each in its own transaction, so that locks are short.
"""

from functions.kernel import Clock, Event
from functions.runtime.reliability import dead_letters, ordering, outbox
from functions.runtime.reliability.dead_letters import DeadLetters, Selection, counted_event
from functions.runtime.reliability.outbox import EventRouting
from functions.runtime.reliability.outbox_publisher import OutboxPublisher
from functions.runtime.reliability.resealing import Resealing
from functions.runtime.storage.database import Database
from functions.wire.cloudevents import new_message

BATCH = 1000
RETENTION = (
    # (table, key, condition). A repeated command is answered from the inbox for a week; no message is delayed and retried for longer.
    ("inbox", "(source, id, function)", "claimed_at < now() - interval '7 days'"),
    ("revoked_sessions", "session_id", "revoked_at < now() - interval '1 hour'"),  # four times the lifetime of an access token
    ("email_suppressions", "address", "greatest(suppressed_at, lifted_at) < now() - interval '2 years'"),
    ("dead_letters", "id", "state <> 'open' AND died_at < now() - interval '90 days'"),
)


class Housekeeping:
    def __init__(self, context: str, outbox_publisher: OutboxPublisher, database: Database, clock: Clock, resealing: Resealing) -> None:
        self._context = context
        self._outbox_publisher = outbox_publisher
        self._database = database
        self._clock = clock
        self._resealing = resealing

    async def sweep(self) -> None:
        """Publish left-over events, end overdue parked events, delete old rows, report open dead letters, renew sealed secrets. Idempotent.

        Raises DatabaseUnavailable and BrokerUnavailable.
        """
        await self._outbox_publisher.sweep()
        while await self._end_overdue() == BATCH:
            pass
        for table, key, condition in RETENTION:
            while await self._prune(table, key, condition) == BATCH:
                pass
        await self._report_dead_letters()
        await self._resealing.sweep()

    async def _report_dead_letters(self) -> None:
        now = self._clock.now()
        async with self._database.transaction() as connection:
            causes = await DeadLetters(self._database).causes(Selection())
            if not causes:
                return
            cause = new_message("housekeeping", f"/capsule/{self._context}", b"", now)
            routing = EventRouting(self._context, _no_handler, _is_declared)
            pending = outbox.pending_events([counted_event(self._context, causes, now)], cause, None, routing, now)
            outbox.enqueue(connection, pending)
        await self._outbox_publisher.flush([each.committed_row() for each in pending])

    async def _end_overdue(self) -> int:
        """Turn events that were parked for too long into dead letters."""
        async with self._database.transaction() as connection:
            overdue = await ordering.remove_overdue(connection, BATCH)
            for function, message in overdue:
                detail = f"number {message.number('sequence') - 1} of {message.get('subject')} did not arrive in time"
                await dead_letters.store(connection, message, function, ordering.GAP, detail)
        return len(overdue)

    async def _prune(self, table: str, key: str, condition: str) -> int:
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                f"DELETE FROM {table} WHERE {key} IN (SELECT {key.strip('()')} FROM {table} WHERE {condition} LIMIT {BATCH} FOR UPDATE SKIP LOCKED)"
            )
            return cursor.rowcount


def _no_handler(event: type[Event]) -> str:
    raise LookupError(f"{event.type} is published to all contexts, not sent to one function")


def _is_declared(event: type[Event]) -> None:
    """Every context declares DeadLettersCounted: with `settle_dead_letters`."""
