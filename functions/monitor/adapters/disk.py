"""What applications take of a machine's disk, over PostgreSQL."""

from collections.abc import Sequence
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from functions.monitor.domain.disk import DiskUsage, newest
from functions.runtime.storage.database import Database


class PostgresDiskUsages:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, usages: Sequence[DiskUsage]) -> None:
        if not usages:
            return
        async with self._database.connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO disk_usage AS known (application_id, measured_at, images, image_bytes, cache_bytes, instance_bytes)
                VALUES (%s, %s, %s, %s, %s, %s)
                ON CONFLICT (application_id) DO UPDATE
                SET measured_at = excluded.measured_at, images = excluded.images, image_bytes = excluded.image_bytes,
                    cache_bytes = excluded.cache_bytes, instance_bytes = excluded.instance_bytes
                WHERE known.measured_at < excluded.measured_at
                """,
                [
                    (
                        each.application_id,
                        each.measured_at,
                        each.images,
                        each.image_bytes,
                        each.cache_bytes,
                        None if each.instance_bytes is None else Jsonb(dict(each.instance_bytes)),
                    )
                    for each in newest(usages)
                ],
            )

    async def of(self, application_id: UUID) -> DiskUsage | None:
        async with self._database.connection.cursor(row_factory=class_row(DiskUsage)) as cursor:
            await cursor.execute(
                "SELECT application_id, measured_at, images, image_bytes, cache_bytes, instance_bytes FROM disk_usage WHERE application_id = %s",
                (application_id,),
            )
            return await cursor.fetchone()
