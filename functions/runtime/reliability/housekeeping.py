"""What every context tidies, every ten minutes: events that a crashed process left in the outbox, and rows that nobody asks for any more. While dead
letters wait for an operator it says how many, and since when: what monitor's alerts are made of.

Rows go in batches, each in a transaction of its own, so that no lock is held for long.
"""

from functions.kernel import Clock, Event
from functions.runtime.reliability import dead_letters, ordering, outbox
from functions.runtime.reliability.dead_letters import DeadLetters, Which, counted
from functions.runtime.reliability.outbox import OutboxPublisher
from functions.runtime.storage.database import Database
from functions.wire.cloudevents import new_message

BATCH = 1000
PRUNE = (
    # A repeated command is answered from the inbox for a week; a message cannot be older than the longest delay and its retries.
    ("inbox", "(source, id, function)", "claimed_at < now() - interval '7 days'"),
    ("dead_letters", "id", "state <> 'open' AND died_at < now() - interval '90 days'"),
)


class Housekeeping:
    def __init__(self, context: str, outbox_publisher: OutboxPublisher, database: Database, clock: Clock) -> None:
        self._context = context
        self._relay = outbox_publisher
        self._database = database
        self._clock = clock

    async def sweep(self) -> None:
        """Publishes what is owed, gives up on what waits in vain, prunes what is old, tells of dead letters. Raises DatabaseUnavailable."""
        await self._relay.sweep()
        while await self._bury_overdue() == BATCH:
            pass
        for table, key, old in PRUNE:
            while await self._prune(table, key, old) == BATCH:
                pass
        await self._count_dead_letters()

    async def _count_dead_letters(self) -> None:
        now = self._clock.now()
        async with self._database.transaction() as connection:
            causes = await DeadLetters(self._database).causes(Which())
            if not causes:
                return
            tick = new_message("housekeeping", f"/capsule/{self._context}", b"", now)
            owing = outbox.write(connection, [counted(self._context, causes, now)], tick, None, self._context, now, _nobody, _declared)
        await self._relay.flush([each.owed() for each in owing])

    async def _bury_overdue(self) -> int:
        """Early events that have waited too long for the one before them."""
        async with self._database.transaction() as connection:
            found = await ordering.overdue(connection, BATCH)
            for function, message in found:
                detail = f"it waited in vain for number {message.number('sequence') - 1} of {message.get('subject')}"
                await dead_letters.store(connection, message, function, ordering.GAP, detail)
        return len(found)

    async def _prune(self, table: str, key: str, old: str) -> int:
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                f"DELETE FROM {table} WHERE {key} IN (SELECT {key.strip('()')} FROM {table} WHERE {old} LIMIT {BATCH} FOR UPDATE SKIP LOCKED)"
            )
            return cursor.rowcount


def _nobody(event: type[Event]) -> str:
    raise LookupError(f"{event.type} is sent to everybody and not to one function")


def _declared(event: type[Event]) -> None:
    """`settle_dead_letters`, which every context has, declares the one event that is sent from here."""
