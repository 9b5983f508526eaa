"""What autoscaling did, in PostgreSQL."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from functions.deploy.domain.process_scaling import ProcessScaling
from functions.runtime.storage.database import Database

NAMES = (
    *("application_id", "environment", "process", "instances", "former_instances", "scaled_at", "observed_at"),
    *("metric", "value", "target"),
)
COLUMNS = ", ".join(NAMES)
UPDATES = ", ".join(f"{name} = %({name})s" for name in NAMES[3:])
KEY: LiteralString = "application_id = %(application_id)s AND environment = %(environment)s AND process = %(process)s"


class PostgresProcessScalings:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def lock(self, application_id: UUID, environment: str, process: str, instances: int) -> ProcessScaling:
        key = {"application_id": application_id, "environment": environment, "process": process}
        await self._database.connection.execute(
            """
            INSERT INTO process_scalings (application_id, environment, process, instances)
            VALUES (%(application_id)s, %(environment)s, %(process)s, %(instances)s) ON CONFLICT DO NOTHING
            """,
            {**key, "instances": instances},
        )
        (found,) = await self._many(f"{KEY} FOR UPDATE", key)
        return found

    async def save(self, scaling: ProcessScaling) -> None:
        await self._database.connection.execute(f"UPDATE process_scalings SET {UPDATES} WHERE {KEY}", asdict(scaling))

    async def list_all(self, application_id: UUID) -> Sequence[ProcessScaling]:
        return await self._many("application_id = %(application_id)s ORDER BY environment, process", {"application_id": application_id})

    async def forget(self, application_id: UUID, environment: str, processes: Collection[str] | None = None) -> None:
        await self._database.connection.execute(
            "DELETE FROM process_scalings WHERE application_id = %s AND environment = %s AND (%s::text[] IS NULL OR process = ANY (%s))",
            (application_id, environment, *([None if processes is None else list(processes)] * 2)),
        )

    async def _many(self, condition: LiteralString, values: dict[str, object]) -> list[ProcessScaling]:
        async with self._database.connection.cursor(row_factory=class_row(ProcessScaling)) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM process_scalings WHERE {condition}", values)
            return await cursor.fetchall()
