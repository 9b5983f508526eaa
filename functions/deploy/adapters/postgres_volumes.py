"""Volumes and their snapshots in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import errors
from psycopg.rows import dict_row

from functions.deploy.domain.turns import offset_of_turn
from functions.deploy.domain.volume import Volume, VolumeState
from functions.deploy.domain.volume_rejections import SnapshotNotFound, VolumeNameTaken, VolumeNotFound
from functions.deploy.domain.volume_snapshot import SnapshotState, VolumeSnapshot
from functions.runtime.storage.database import Database

FIXED = ("id", "application_id", "name", "requested_at")
STORED = tuple(each.name for each in fields(Volume))
COLUMNS = ", ".join(STORED)
VALUES = ", ".join(f"%({name})s" for name in STORED)
UPDATES = ", ".join(f"{name} = %({name})s" for name in STORED if name not in FIXED)
SNAPSHOT_STORED = tuple(each.name for each in fields(VolumeSnapshot))
SNAPSHOT_COLUMNS = ", ".join(SNAPSHOT_STORED)
SNAPSHOT_VALUES = ", ".join(f"%({name})s" for name in SNAPSHOT_STORED)


class PostgresVolumes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, volume: Volume) -> None:
        try:
            await self._database.connection.execute(f"INSERT INTO volumes ({COLUMNS}) VALUES ({VALUES})", asdict(volume))
        except errors.UniqueViolation as violation:
            if violation.diag.constraint_name != "volumes_name":
                raise
            raise VolumeNameTaken.of(volume.name) from violation

    async def get(self, application_id: UUID, volume_id: UUID) -> Volume:
        return await self._one(application_id, volume_id, "")

    async def find(self, volume_id: UUID) -> Volume | None:
        return next(iter(await self._many("id = %s", volume_id)), None)

    async def lock(self, application_id: UUID, volume_id: UUID) -> Volume:
        return await self._one(application_id, volume_id, " FOR UPDATE")

    async def lock_any(self, volume_id: UUID) -> Volume | None:
        return next(iter(await self._many("id = %s FOR UPDATE", volume_id)), None)

    async def save(self, volume: Volume) -> None:
        await self._database.connection.execute(f"UPDATE volumes SET {UPDATES} WHERE id = %(id)s", asdict(volume))

    async def list_of(self, application_id: UUID) -> Sequence[Volume]:
        return await self._many("application_id = %s AND state <> 'purged' ORDER BY name", application_id)

    async def list_stored(self, limit: int, turn: int) -> Sequence[Volume]:
        counted = await (await self._database.connection.execute("SELECT count(*) FROM volumes WHERE state = 'ready'")).fetchone()
        offset = offset_of_turn(counted[0] if counted else 0, limit, turn)
        return await self._many("state = 'ready' ORDER BY id LIMIT %s OFFSET %s", limit, offset)

    async def list_due(self, before: datetime, limit: int) -> Sequence[Volume]:
        return await self._many("(state = 'purging' OR state = 'deleted') AND purge_at < %s ORDER BY id LIMIT %s", before, limit)

    async def _one(self, application_id: UUID, volume_id: UUID, locking: LiteralString) -> Volume:
        found = await self._many("id = %s AND application_id = %s AND state <> 'purged'" + locking, volume_id, application_id)
        if not found:
            raise VolumeNotFound.of(volume_id)
        return found[0]

    async def _many(self, condition: LiteralString, *values: object) -> list[Volume]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM volumes WHERE {condition}", values)
            rows = await cursor.fetchall()
        return [Volume(**{**row, "state": VolumeState(row["state"])}) for row in rows]


class PostgresVolumeSnapshots:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, snapshot: VolumeSnapshot) -> None:
        await self._database.connection.execute(
            f"INSERT INTO volume_snapshots ({SNAPSHOT_COLUMNS}) VALUES ({SNAPSHOT_VALUES}) ON CONFLICT (id) DO UPDATE"
            " SET state = excluded.state, error = excluded.error, ready_at = excluded.ready_at",
            asdict(snapshot),
        )

    async def get(self, volume: Volume, snapshot_id: UUID) -> VolumeSnapshot:
        found = await self._many("id = %s AND volume_id = %s AND state <> 'deleting'", snapshot_id, volume.id)
        if not found:
            raise SnapshotNotFound.of(snapshot_id)
        return found[0]

    async def find(self, snapshot_id: UUID) -> VolumeSnapshot | None:
        return next(iter(await self._many("id = %s", snapshot_id)), None)

    async def list_of(self, volume_id: UUID) -> Sequence[VolumeSnapshot]:
        return await self._many("volume_id = %s AND state <> 'deleting' ORDER BY id DESC", volume_id)

    async def delete(self, snapshot_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM volume_snapshots WHERE id = %s", (snapshot_id,))

    async def _many(self, condition: LiteralString, *values: object) -> list[VolumeSnapshot]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {SNAPSHOT_COLUMNS} FROM volume_snapshots WHERE {condition}", values)
            rows = await cursor.fetchall()
        return [VolumeSnapshot(**{**row, "state": SnapshotState(row["state"])}) for row in rows]
