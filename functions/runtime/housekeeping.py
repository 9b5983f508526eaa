"""What every context tidies, every ten minutes: events that a crashed process left in the outbox, and rows that nobody asks for any more.

Rows go in batches, each in a transaction of its own, so that no lock is held for long.
"""

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
        """Publishes what is owed and prunes what is old. Raises DatabaseAway."""
        await self._relay.sweep()
        for table, key, old in PRUNE:
            while await self._prune(table, key, old) == BATCH:
                pass

    async def _prune(self, table: str, key: str, old: str) -> int:
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                f"DELETE FROM {table} WHERE {key} IN (SELECT {key.strip('()')} FROM {table} WHERE {old} LIMIT {BATCH} FOR UPDATE SKIP LOCKED)"
            )
            return cursor.rowcount
