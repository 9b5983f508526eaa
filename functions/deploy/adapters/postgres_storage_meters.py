"""Meters of stored data in PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.domain.storage_metering import StorageKind, StorageMeter, StoredResource
from functions.runtime.storage.database import Database

STORED: LiteralString = """
    SELECT application_id, kind, plan, NULL::bigint AS size_bytes, ready_at AS began_at, deleted_at AS ended_at, state = 'purged' AS is_purged
        FROM data_services WHERE kind <> 'external' AND ready_at IS NOT NULL
    UNION ALL
    SELECT application_id, 'volume', '', size_mib::bigint << 20, ready_at, deleted_at, state = 'purged' FROM volumes WHERE ready_at IS NOT NULL
    UNION ALL
    SELECT backup.application_id, 'backup', '', backup.stored_bytes, backup.finished_at, service.deleted_at, service.state = 'purged'
        FROM data_service_backups AS backup JOIN data_services AS service ON service.id = backup.service_id WHERE backup.state = 'complete'
    UNION ALL
    SELECT snapshot.application_id, 'backup', '', coalesce(snapshot.used_bytes, snapshot.size_mib::bigint << 20), snapshot.ready_at,
        volume.deleted_at, volume.state = 'purged'
        FROM volume_snapshots AS snapshot JOIN volumes AS volume ON volume.id = snapshot.volume_id WHERE snapshot.state = 'ready'
"""


class PostgresStorageMeters:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_missing(self) -> None:
        await self._database.connection.execute(
            f"""
            INSERT INTO storage_meters (application_id, measured_until)
            SELECT application_id, min(began_at) FROM ({STORED}) AS stored
            WHERE NOT is_purged AND application_id NOT IN (SELECT application_id FROM storage_meters)
            GROUP BY application_id
            ON CONFLICT DO NOTHING
            """
        )

    async def lock_due(self, measured_before: datetime, measured_after: datetime, limit: int) -> Sequence[StorageMeter]:
        async with self._database.connection.cursor(row_factory=class_row(StorageMeter)) as cursor:
            await cursor.execute(
                """
                SELECT application_id, name AS application, user_id, measured_until
                FROM storage_meters JOIN applications ON applications.id = application_id
                WHERE measured_until <= %s OR measured_until > %s ORDER BY measured_until LIMIT %s
                FOR UPDATE OF storage_meters SKIP LOCKED
                """,
                (measured_before, measured_after, limit),
            )
            return await cursor.fetchall()

    async def list_stored(self, meters: Collection[StorageMeter]) -> Mapping[UUID, Sequence[StoredResource]]:
        cursor = await self._database.connection.execute(
            f"""
            SELECT application_id, kind, plan, size_bytes, began_at, ended_at, is_purged FROM ({STORED}) AS stored
            JOIN unnest(%s::uuid[], %s::timestamptz[]) AS meter (application_id, measured_until) USING (application_id)
            WHERE NOT is_purged OR ended_at > measured_until
            """,
            ([each.application_id for each in meters], [each.measured_until for each in meters]),
        )
        found: dict[UUID, list[StoredResource]] = defaultdict(list)
        for application_id, kind, plan, size_bytes, *times in await cursor.fetchall():
            if size_bytes is None:
                resource = StoredResource.of_service(ServiceKind(kind), plan, *times)
            else:
                resource = StoredResource(StorageKind(kind), size_bytes, *times)
            found[application_id].append(resource)
        return found

    async def save(self, meters: Collection[StorageMeter]) -> None:
        if meters:
            await self._database.connection.execute(
                "UPDATE storage_meters SET measured_until = read.measured_until FROM unnest(%s::uuid[], %s::timestamptz[])"
                " AS read (application_id, measured_until) WHERE storage_meters.application_id = read.application_id",
                ([each.application_id for each in meters], [each.measured_until for each in meters]),
            )

    async def delete(self, application_ids: Collection[UUID]) -> None:
        if application_ids:
            await self._database.connection.execute("DELETE FROM storage_meters WHERE application_id = ANY(%s)", (list(application_ids),))
