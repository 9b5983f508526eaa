"""Backups of data services in PostgreSQL: rows of backups, policies and restores."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import errors
from psycopg.rows import dict_row

from functions.deploy.adapters.postgres_data_services import data_service_of
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_backup import BackupPolicy, BackupState, BackupTrigger, RestoreState, ServiceBackup, ServiceRestore
from functions.deploy.domain.service_backup_rejections import BackupInProgress, BackupNotFound
from functions.runtime.storage.database import Database


def _columns(kind: type[Any]) -> str:
    return ", ".join(each.name for each in fields(kind))


def _values(kind: type[Any]) -> str:
    return ", ".join(f"%({each.name})s" for each in fields(kind))


def _updates(kind: type[Any]) -> str:
    return ", ".join(f"{each.name} = %({each.name})s" for each in fields(kind) if each.name != "id")


class PostgresServiceBackups:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, backup: ServiceBackup) -> None:
        await self._insert("data_service_backups", backup)

    async def get(self, service_id: UUID, backup_id: UUID) -> ServiceBackup:
        found = await self._backups("id = %s AND service_id = %s", backup_id, service_id)
        if not found:
            raise BackupNotFound.of(backup_id)
        return found[0]

    async def lock(self, backup_id: UUID) -> ServiceBackup | None:
        return next(iter(await self._backups("id = %s FOR UPDATE", backup_id)), None)

    async def save(self, backup: ServiceBackup) -> None:
        await self._database.connection.execute(f"UPDATE data_service_backups SET {_updates(ServiceBackup)} WHERE id = %(id)s", asdict(backup))

    async def delete(self, backup_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM data_service_backups WHERE id = %s", (backup_id,))

    async def delete_all(self, service_id: UUID) -> None:
        for table in ("data_service_backups", "data_service_backup_policies"):
            await self._database.connection.execute(f"DELETE FROM {table} WHERE service_id = %s", (service_id,))
        await self._database.connection.execute("DELETE FROM data_service_restores WHERE service_id = %s OR source_id = %s", (service_id, service_id))

    async def list_of(self, service_id: UUID) -> Sequence[ServiceBackup]:
        return await self._backups("service_id = %s ORDER BY requested_at DESC, id DESC", service_id)

    async def list_unfinished(self, before: datetime, limit: int) -> Sequence[ServiceBackup]:
        return await self._backups("state IN ('running', 'deleting') AND requested_at < %s ORDER BY requested_at LIMIT %s", before, limit)

    async def find_policy(self, service_id: UUID) -> BackupPolicy | None:
        return next(iter(await self._policies("service_id = %s", service_id)), None)

    async def save_policy(self, policy: BackupPolicy) -> None:
        updates = ", ".join(f"{name} = excluded.{name}" for name in ("schedule", "keep_count", "keep_days", "next_at"))
        await self._database.connection.execute(
            f"INSERT INTO data_service_backup_policies ({_columns(BackupPolicy)}) VALUES ({_values(BackupPolicy)})"
            f" ON CONFLICT (service_id) DO UPDATE SET {updates}",
            asdict(policy),
        )

    async def lock_due_policies(self, now: datetime, limit: int) -> Sequence[BackupPolicy]:
        return await self._policies("next_at <= %s ORDER BY next_at LIMIT %s FOR UPDATE SKIP LOCKED", now, limit)

    async def list_without_policy(self, limit: int) -> Sequence[DataService]:
        condition: LiteralString = (
            "kind <> 'external' AND state = 'ready'"
            " AND NOT EXISTS (SELECT FROM data_service_backup_policies AS policy WHERE policy.service_id = data_services.id) LIMIT %s"
        )
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {_columns(DataService)} FROM data_services WHERE {condition}", (limit,))
            return [data_service_of(row) for row in await cursor.fetchall()]

    async def add_restore(self, restore: ServiceRestore) -> None:
        await self._insert("data_service_restores", restore)

    async def lock_restore(self, restore_id: UUID) -> ServiceRestore | None:
        return next(iter(await self._restores("id = %s FOR UPDATE", restore_id)), None)

    async def lock_restore_after(self, safety_backup_id: UUID) -> ServiceRestore | None:
        return next(iter(await self._restores("safety_backup_id = %s AND state = 'waiting' FOR UPDATE", safety_backup_id)), None)

    async def save_restore(self, restore: ServiceRestore) -> None:
        await self._database.connection.execute(f"UPDATE data_service_restores SET {_updates(ServiceRestore)} WHERE id = %(id)s", asdict(restore))

    async def list_unfinished_restores(self, before: datetime, limit: int) -> Sequence[ServiceRestore]:
        return await self._restores("finished_at IS NULL AND requested_at < %s ORDER BY requested_at LIMIT %s", before, limit)

    async def list_restores(self, service_id: UUID) -> Sequence[ServiceRestore]:
        return await self._restores("service_id = %s ORDER BY requested_at DESC LIMIT 20", service_id)

    async def _insert(self, table: LiteralString, row: ServiceBackup | ServiceRestore) -> None:
        try:
            await self._database.connection.execute(f"INSERT INTO {table} ({_columns(type(row))}) VALUES ({_values(type(row))})", asdict(row))
        except errors.UniqueViolation as violation:
            if violation.diag.constraint_name not in ("data_service_backups_running", "data_service_restores_unfinished"):
                raise
            raise BackupInProgress.of("this service") from violation

    async def _backups(self, condition: LiteralString, *values: object) -> list[ServiceBackup]:
        rows = await self._rows(ServiceBackup, "data_service_backups", condition, values)
        return [ServiceBackup(**{**row, "trigger": BackupTrigger(row["trigger"]), "state": BackupState(row["state"])}) for row in rows]

    async def _restores(self, condition: LiteralString, *values: object) -> list[ServiceRestore]:
        rows = await self._rows(ServiceRestore, "data_service_restores", condition, values)
        return [ServiceRestore(**{**row, "state": RestoreState(row["state"])}) for row in rows]

    async def _policies(self, condition: LiteralString, *values: object) -> list[BackupPolicy]:
        return [BackupPolicy(**row) for row in await self._rows(BackupPolicy, "data_service_backup_policies", condition, values)]

    async def _rows(self, kind: type[Any], table: LiteralString, condition: LiteralString, values: tuple[object, ...]) -> list[dict[str, Any]]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {_columns(kind)} FROM {table} WHERE {condition}", values)
            return await cursor.fetchall()
