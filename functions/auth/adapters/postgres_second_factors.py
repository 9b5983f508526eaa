"""Second factors in PostgreSQL. Their secrets are sealed."""

from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from functions.auth.domain.second_factor import SecondFactor
from functions.runtime.storage.database import Database

SELECT = "SELECT user_id, sealed_secret, created_at, enabled_at, last_step, recovery_hashes FROM second_factors WHERE user_id = %s"


class PostgresSecondFactors:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, user_id: UUID) -> SecondFactor | None:
        return await self._one(SELECT, user_id)

    async def lock(self, user_id: UUID) -> SecondFactor | None:
        return await self._one(f"{SELECT} FOR UPDATE", user_id)

    async def save(self, factor: SecondFactor) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO second_factors (user_id, sealed_secret, created_at, enabled_at, last_step, recovery_hashes) VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (user_id) DO UPDATE SET sealed_secret = excluded.sealed_secret, created_at = excluded.created_at,
                enabled_at = excluded.enabled_at, last_step = excluded.last_step, recovery_hashes = excluded.recovery_hashes
            """,
            (factor.user_id, factor.sealed_secret, factor.created_at, factor.enabled_at, factor.last_step, sorted(factor.recovery_hashes)),
        )

    async def delete(self, user_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM second_factors WHERE user_id = %s", (user_id,))

    async def _one(self, statement: Any, user_id: UUID) -> SecondFactor | None:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(statement, (user_id,))
            row = await cursor.fetchone()
        return None if row is None else SecondFactor(**row | {"recovery_hashes": frozenset(map(bytes, row["recovery_hashes"]))})
