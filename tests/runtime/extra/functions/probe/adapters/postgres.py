from uuid import UUID

from functions.runtime.database import Database


class PostgresAccounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def deposit(self, id: UUID, account: str, cents: int) -> None:
        await self._database.connection.execute("INSERT INTO deposits (id, account, cents) VALUES (%s, %s, %s)", (id, account, cents))

    async def total(self, account: str) -> int:
        cursor = await self._database.connection.execute("SELECT coalesce(sum(cents), 0) FROM deposits WHERE account = %s", (account,))
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    async def note(self, what: str, text: str) -> None:
        await self._database.connection.execute("INSERT INTO notes (what, text) VALUES (%s, %s)", (what, text))
