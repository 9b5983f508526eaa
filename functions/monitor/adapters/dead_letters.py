"""Counts of dead letters in PostgreSQL, and the operators' addresses from the settings."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from functions.monitor.domain.dead_letters import Waiting, WaitingTally
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import OPERATORS
from functions.runtime.storage.database import Database

BATCH_SIZE = 10_000


class SettingsOperators:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def addresses(self) -> Sequence[str]:
        return self._settings.value(OPERATORS)


class PostgresDeadLetters:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, context: str, counts: Mapping[str, Waiting], at: datetime) -> None:
        async with self._database.connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO dead_letter_counts (function, at, context, letters, given_up, oldest_at) VALUES (%s, %s, %s, %s, %s, %s)
                ON CONFLICT (function, at) DO UPDATE SET letters = excluded.letters, given_up = excluded.given_up, oldest_at = excluded.oldest_at
                """,
                [(function, at, context, found.letters, found.skipped_events, found.oldest_at) for function, found in counts.items()],
            )

    async def counted_in(self, context: str) -> Collection[str]:
        cursor = await self._database.connection.execute(
            """
            SELECT function FROM (
                SELECT DISTINCT ON (function) function, letters FROM dead_letter_counts WHERE context = %s ORDER BY function, at DESC
            ) AS newest WHERE letters > 0
            """,
            (context,),
        )
        return [row[0] for row in await cursor.fetchall()]

    async def last(self, function: str, since: datetime) -> Waiting | None:
        cursor = await self._database.connection.execute(
            "SELECT letters, given_up, oldest_at FROM dead_letter_counts WHERE function = %s AND at >= %s ORDER BY at DESC LIMIT 1", (function, since)
        )
        row = await cursor.fetchone()
        return None if row is None else Waiting(*row)

    async def by_function(self, since: datetime, until: datetime) -> Mapping[str, WaitingTally]:
        cursor = await self._database.connection.execute(
            """
            SELECT DISTINCT ON (function) function, letters, max(letters) OVER (PARTITION BY function), CASE WHEN letters > 0 THEN oldest_at END
            FROM dead_letter_counts WHERE at >= %s AND at < %s ORDER BY function, at DESC
            """,
            (since, until),
        )
        return {name: WaitingTally(*rest) for name, *rest in await cursor.fetchall()}

    async def forget(self, before: datetime) -> int:
        gone = await self._database.connection.execute(
            "DELETE FROM dead_letter_counts WHERE ctid IN (SELECT ctid FROM dead_letter_counts WHERE at < %s LIMIT %s)", (before, BATCH_SIZE)
        )
        return gone.rowcount
