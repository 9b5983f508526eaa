"""What every context tidies, every ten minutes: events that a crashed process left in the outbox, and rows that nobody asks for any more.

Rows go in batches, each in a transaction of its own, so that no lock is held for long.
"""

from functions.runtime import dead_letters, ordering
from functions.runtime.database import Database
from functions.runtime.outbox import Relay

BATCH = 1000

PRUNE = (
    # A repeated command is answered from the inbox for a week; a message cannot be older than the longest delay and its retries.
    ("inbox", "(source, id, function)", "claimed_at < now() - interval '7 days'"),
    ("dead_letters", "id", "state <> 'open' AND died_at < now() - interval '90 days'"),
)


class Housekeeping:
    def __init__(self, relay: Relay, database: Database) -> None:
        self._relay = relay
        self._database = database

    async def sweep(self) -> None:
        """Publishes what is owed, gives up on what waits in vain, and prunes what is old. Raises DatabaseAway."""
        await self._relay.sweep()
        while await self._bury_overdue() == BATCH:
            pass
        for table, key, old in PRUNE:
            while await self._prune(table, key, old) == BATCH:
                pass

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
