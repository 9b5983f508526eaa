"""Environments and configurations in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from functions.deploy.domain.application import Application
from functions.deploy.domain.configuration import Change, Entry
from functions.deploy.domain.environment import DEFAULT_ENVIRONMENTS, Environment, Size
from functions.deploy.domain.maintenance import Maintenance
from functions.deploy.domain.processes import ProcessSizes
from functions.deploy.domain.rejections import EnvironmentNameTaken, EnvironmentNotFound
from functions.deploy.domain.standing import Restriction
from functions.runtime.storage.database import Database

SIZE = (
    *("min_scale", "max_scale", "memory_mib", "cpu_millis", "scale_metric", "scale_target"),
    *("scale_window_seconds", "scale_down_delay_seconds", "initial_scale"),
)
STORED = (
    *("created_at", *SIZE),
    *("observation_seconds", "deleted_at", "stopped_at", "paused_at", "pause_reason"),
    "processes",
    *("maintenance_started_at", "maintenance_message", "maintenance_retry_after_seconds"),
)
COLUMNS = ", ".join(("application_id", "name", *STORED))
VALUES = ", ".join(f"%({name})s" for name in ("application_id", "name", *STORED))
UPDATES = ", ".join(f"{name} = excluded.{name}" for name in STORED)


class PostgresEnvironments:
    """Staging and production have a row once they are scaled, deployed to or deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, environment: Environment) -> None:
        if environment.name in DEFAULT_ENVIRONMENTS and not await self._rows(environment.application_id, environment.name):
            raise EnvironmentNameTaken.of(environment.name)
        if not await self._write(environment, "WHERE environments.deleted_at IS NOT NULL"):
            raise EnvironmentNameTaken.of(environment.name)

    async def save(self, environment: Environment) -> None:
        await self._write(environment, "")

    async def get(self, application: Application, name: str) -> Environment:
        environments = await self.list_all(application)
        for each in environments:
            if each.name == name:
                return each
        raise EnvironmentNotFound.of(application.name, name, [each.name for each in environments])

    async def find(self, application_id: UUID, name: str) -> Environment | None:
        return next((each for each in await self._rows(application_id, name) if each.deleted_at is None), None)

    async def list_all(self, application: Application) -> Sequence[Environment]:
        by_name = {name: Environment(application.id, name, application.created_at) for name in DEFAULT_ENVIRONMENTS}
        by_name |= {each.name: each for each in await self._rows(application.id)}
        return [each for _, each in sorted(by_name.items()) if each.deleted_at is None]

    async def _write(self, environment: Environment, condition: str) -> bool:
        row = asdict(environment)
        maintenance = row.pop("maintenance") or {}
        row |= {f"maintenance_{name}": maintenance.get(name) for name in ("started_at", "message", "retry_after_seconds")}
        row["processes"] = Jsonb(environment.processes.as_json())
        cursor = await self._database.connection.execute(
            f"INSERT INTO environments ({COLUMNS}) VALUES ({VALUES}) ON CONFLICT (application_id, name) DO UPDATE SET {UPDATES} {condition}",
            {**row, **row.pop("size")},
        )
        return cursor.rowcount == 1

    async def _rows(self, application_id: UUID, name: str | None = None) -> list[Environment]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                f"SELECT {COLUMNS} FROM environments WHERE application_id = %(id)s AND (%(name)s::text IS NULL OR name = %(name)s)",
                {"id": application_id, "name": name},
            )
            return [_read_environment(row) for row in await cursor.fetchall()]


class PostgresConfigurations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def at(self, application_id: UUID, version: int) -> Sequence[Entry]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                """
                SELECT scope, name, version, value, sealed, created_at, service_id, service_kind FROM config_entries
                WHERE application_id = %(id)s AND version <= %(version)s AND (ended_version IS NULL OR ended_version > %(version)s)
                ORDER BY scope, name
                """,
                {"id": application_id, "version": version},
            )
            return [Entry(**row) for row in await cursor.fetchall()]

    async def change(self, application_id: UUID, scope: str, change: Change, version: int, at: datetime) -> None:
        names = [*change.variables, *change.secrets, *change.unset]
        await self._database.connection.execute(
            "UPDATE config_entries SET ended_version = %s WHERE application_id = %s AND scope = %s AND name = ANY(%s) AND ended_version IS NULL",
            (version, application_id, scope, names),
        )
        rows: list[tuple[Any, ...]] = [
            (application_id, scope, name, version, value, None, at, None, None) for name, value in change.variables.items()
        ]
        service = (change.service_id, change.service_kind)
        rows += [(application_id, scope, name, version, None, sealed, at, *service) for name, sealed in change.secrets.items()]
        async with self._database.connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO config_entries (application_id, scope, name, version, value, sealed, created_at, service_id, service_kind)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                rows,
            )

    async def replace_service_url(self, service_id: UUID, sealed: str) -> None:
        await self._database.connection.execute("UPDATE config_entries SET sealed = %s WHERE service_id = %s", (sealed, service_id))


def _read_environment(row: dict[str, Any]) -> Environment:
    size = Size.from_json({name: row.pop(name) for name in SIZE})
    reason = row.pop("pause_reason")
    started_at, message, retry_after_seconds = (row.pop(f"maintenance_{name}") for name in ("started_at", "message", "retry_after_seconds"))
    maintenance = Maintenance(started_at, message, retry_after_seconds) if started_at else None
    processes = ProcessSizes.from_json(row.pop("processes"))
    return Environment(**row, size=size, processes=processes, maintenance=maintenance, pause_reason=Restriction(reason) if reason else None)
