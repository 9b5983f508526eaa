import asyncio
from pathlib import Path
from uuid import UUID

from psycopg import errors

from functions.runtime.config.settings import Settings
from functions.runtime.storage.database import Database


class PostgresAccounts:
    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._hurry = Path(settings.text("PROBE_HURRY", "/nowhere/hurry"))

    async def deposit(self, id: UUID, account: str, cents: int) -> None:
        await self._database.connection.execute("INSERT INTO deposits (id, account, cents) VALUES (%s, %s, %s)", (id, account, cents))

    async def total(self, account: str) -> int:
        cursor = await self._database.connection.execute("SELECT coalesce(sum(cents), 0) FROM deposits WHERE account = %s", (account,))
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    async def wait_until_told_to_hurry(self) -> None:
        while not self._hurry.exists():  # noqa: ASYNC110  another process makes it
            await asyncio.sleep(0.02)

    async def lock_both(self, first: str) -> None:
        """Two that begin at different ends lock each other out; one of them has to give way."""
        ends = ("left", "right") if first == "left" else ("right", "left")
        for end in ends:
            await self._database.connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (end,))
            await asyncio.sleep(0.3)

    async def note(self, what: str, text: str) -> None:
        await self._database.connection.execute("INSERT INTO notes (what, text) VALUES (%s, %s)", (what, text))


class PostgresNames:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def set(self, account: str, name: str) -> bool:
        try:
            await self._database.connection.execute(
                """
                INSERT INTO names AS stored (account, name) VALUES (%s, %s)
                ON CONFLICT (account) DO UPDATE SET name = excluded.name, renames = stored.renames + 1
                """,
                (account, name),
            )
        except errors.UniqueViolation:
            return False
        return True

    async def renames(self, account: str) -> int:
        cursor = await self._database.connection.execute("SELECT renames FROM names WHERE account = %s", (account,))
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    async def recall(self, account: str, name: str) -> None:
        """Sent with the next statement or the commit. Where the account itself is named, which is rare, in capitals."""
        connection = self._database.connection
        connection.queue(
            "INSERT INTO recalled AS stored (account, name) VALUES (%s, %s)"
            " ON CONFLICT (account) DO UPDATE SET name = excluded.name, times = stored.times + 1",
            (account, name),
        )
        named = connection.queue_rare("SELECT name FROM names WHERE account = %s", (account,))
        if await connection.rows_of(named):
            connection.queue("UPDATE recalled SET name = upper(name) WHERE account = %s", (account,))
