"""Inspections in PostgreSQL."""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from functions.deploy.domain.application_settings import ApplicationSettings
from functions.deploy.domain.inspection import TIMEOUT, DetectedPlanView, Inspection
from functions.deploy.domain.repository_access import AccessToken
from functions.runtime.storage.database import Database

OWN = ("id", "team_id", "repository", "requested_at", "finished_at", "commit", "reason", "detail")
COLUMNS = ", ".join((*OWN, "settings", "plan", "token_server", "token_user", "sealed_token"))
VALUES = ", ".join(f"%({name})s" for name in COLUMNS.split(", "))


class PostgresInspections:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, inspection: Inspection) -> None:
        await self._database.connection.execute(f"INSERT INTO inspections ({COLUMNS}) VALUES ({VALUES})", _row(inspection))

    async def find(self, inspection_id: UUID) -> Inspection | None:
        return next(iter(await self._many("id = %s", inspection_id)), None)

    async def lock(self, inspection_id: UUID) -> Inspection | None:
        return next(iter(await self._many("id = %s FOR UPDATE", inspection_id)), None)

    async def save(self, inspection: Inspection) -> None:
        await self._database.connection.execute(
            "UPDATE inspections SET finished_at = %(finished_at)s, commit = %(commit)s, plan = %(plan)s, reason = %(reason)s, detail = %(detail)s,"
            " token_server = %(token_server)s, token_user = %(token_user)s, sealed_token = %(sealed_token)s WHERE id = %(id)s",
            _row(inspection),
        )

    async def count(self, team_id: UUID, now: datetime) -> tuple[int, int]:
        cursor = await self._database.connection.execute(
            "SELECT count(*) FILTER (WHERE finished_at IS NULL AND requested_at > %s), count(*) FROM inspections"
            " WHERE team_id = %s AND requested_at > %s",
            (now - TIMEOUT, team_id, now - timedelta(hours=1)),
        )
        row = await cursor.fetchone()
        assert row is not None
        return row[0], row[1]

    async def list_overdue(self, requested_before: datetime, limit: int) -> list[Inspection]:
        return await self._many("finished_at IS NULL AND requested_at < %s ORDER BY requested_at LIMIT %s", requested_before, limit)

    async def delete_before(self, requested_before: datetime) -> None:
        await self._database.connection.execute("DELETE FROM inspections WHERE finished_at IS NOT NULL AND requested_at < %s", (requested_before,))

    async def _many(self, condition: LiteralString, *values: object) -> list[Inspection]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM inspections WHERE {condition}", values)
            return [_read(row) for row in await cursor.fetchall()]


def _row(inspection: Inspection) -> dict[str, Any]:
    token = inspection.token
    return {
        **{name: getattr(inspection, name) for name in OWN},
        "settings": Jsonb(asdict(inspection.settings)),
        "plan": Jsonb(json.loads(inspection.plan.model_dump_json())) if inspection.plan else None,
        "token_server": token.server if token else None,
        "token_user": token.user if token else None,
        "sealed_token": token.sealed if token else None,
    }


def _read(row: dict[str, Any]) -> Inspection:
    server, user, sealed = (row.pop(name) for name in ("token_server", "token_user", "sealed_token"))
    token = AccessToken(server, user, sealed, row["requested_at"]) if sealed else None
    plan, settings = row.pop("plan"), ApplicationSettings.of(**row.pop("settings"))
    return Inspection(**row, settings=settings, token=token, plan=DetectedPlanView.model_validate(plan) if plan else None)
