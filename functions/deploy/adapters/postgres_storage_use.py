"""What accounts use of their storage quotas, in PostgreSQL."""

from typing import LiteralString
from uuid import UUID

from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.domain.storage_amounts import StorageAmounts, service_mib
from functions.runtime.storage.database import Database

OF_ACCOUNT: LiteralString = "application_id IN (SELECT id FROM applications WHERE user_id = %(id)s)"
OF_APPLICATION: LiteralString = "application_id = %(id)s"


class PostgresStorageUse:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_account(self, user_id: UUID) -> StorageAmounts:
        return await self._sum(OF_ACCOUNT, user_id)

    async def of_application(self, application_id: UUID) -> StorageAmounts:
        return await self._sum(OF_APPLICATION, application_id)

    async def _sum(self, condition: LiteralString, id: UUID) -> StorageAmounts:
        cursor = await self._database.connection.execute(
            f"""
            SELECT kind, plan, count(*), 0::bigint FROM data_services WHERE kind <> 'external' AND state <> 'purged' AND {condition}
                GROUP BY kind, plan
            UNION ALL
            SELECT 'volume', '', count(*), coalesce(sum(greatest(size_mib, requested_size_mib)), 0)::bigint
                FROM volumes WHERE state <> 'purged' AND {condition}
            UNION ALL
            SELECT 'backup', '', count(*), coalesce(sum(stored_bytes), 0)::bigint FROM data_service_backups WHERE state <> 'failed' AND {condition}
            UNION ALL
            SELECT 'backup', '', count(*), coalesce(sum(coalesce(used_bytes, size_mib::bigint << 20)), 0)::bigint
                FROM volume_snapshots WHERE state <> 'failed' AND {condition}
            """,
            {"id": id},
        )
        total, backup_bytes = StorageAmounts(), 0
        for kind, plan, number, size in await cursor.fetchall():
            match kind:
                case "volume":
                    total += StorageAmounts(volumes=number, volumes_mib=size)
                case "backup":
                    total, backup_bytes = total + StorageAmounts(backups=number), backup_bytes + size
                case _:
                    total += StorageAmounts(data_services=number, data_services_mib=number * service_mib(ServiceKind(kind), plan))
        return total + StorageAmounts(backups_mib=backup_bytes >> 20)
