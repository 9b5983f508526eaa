"""Releases and deployments in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import errors
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from functions.deploy.domain.deployment import Cause, Deployment, Status
from functions.deploy.domain.environment import Environment, Terms
from functions.deploy.domain.names import application_of
from functions.deploy.domain.rejections import DeploymentInProgress, DeploymentNotFound, ReleaseNotFound
from functions.deploy.domain.release import Release
from functions.runtime.reliability.sagas import SagaRows
from functions.runtime.storage.database import Database

RUNNING = "d.finished_at IS NULL"
SELECT = """
    SELECT d.*, a.name AS application, a.user_id, r.number AS release, s.number AS previous_release, p.revision AS previous_revision
    FROM deployments d JOIN applications a ON a.id = d.application_id LEFT JOIN releases r ON r.id = d.release_id
    LEFT JOIN deployments p ON p.id = d.previous_id LEFT JOIN releases s ON s.id = p.release_id
"""
MUTABLE_COLUMNS = ("attempt", "commit", "release_id", "url", "traffic_at", "measured_at", "revision", "reason", "detail", "rolled_back_to")
INSERTED_COLUMNS = (
    *(
        "id",
        "application_id",
        "environment",
        "cause",
        "ref",
        "previous_id",
        "correlation_id",
        "requested_at",
        "started_by",
        "status",
        "commit",
        "release_id",
    ),
    *("changed_at", "deadline_at", "reminder_at", "version"),
)
INSERTED_VALUES = ", ".join(f"%({name})s" for name in INSERTED_COLUMNS)


class PostgresReleases:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, release: Release) -> Release:
        """Counts numbers in the application's row: unique and without gaps."""
        cursor = await self._database.connection.execute(
            """
            WITH counted AS (UPDATE applications SET release_count = release_count + 1 WHERE id = %(application_id)s RETURNING release_count)
            INSERT INTO releases (id, application_id, number, image, commit, kind, config_version, manifest, release_command, processes, created_at)
            SELECT %(id)s, %(application_id)s, release_count, %(image)s, %(commit)s, %(kind)s, %(config_version)s, %(manifest)s,
                   %(release_command)s, %(processes)s, %(created_at)s
            FROM counted RETURNING number
            """,
            {
                "id": release.id,
                "application_id": release.application_id,
                "image": release.image,
                "commit": release.commit,
                "kind": release.kind,
                "config_version": release.config_version,
                "manifest": Jsonb(release.manifest),
                "release_command": release.release_command,
                "processes": Jsonb(release.processes),
                "created_at": release.created_at,
            },
        )
        row = await cursor.fetchone()
        assert row is not None, "the row of an application is never deleted"
        return replace(release, number=row[0])

    async def get(self, release_id: UUID) -> Release:
        rows = await self._many("SELECT * FROM releases WHERE id = %s", release_id)
        if not rows:
            raise LookupError(f"release {release_id} does not exist")
        return rows[0]

    async def get_by_number(self, application_id: UUID, number: int) -> Release:
        rows = await self._many("SELECT * FROM releases WHERE application_id = %s AND number = %s", application_id, number)
        if not rows:
            raise ReleaseNotFound.of(number)
        return rows[0]

    async def page(self, application_id: UUID, *, before: int | None, limit: int) -> Sequence[Release]:
        return await self._many(
            "SELECT * FROM releases WHERE application_id = %s AND (%s::int IS NULL OR number < %s) ORDER BY number DESC LIMIT %s",
            application_id,
            before,
            before,
            limit,
        )

    async def _many(self, sql: str, *arguments: Any) -> list[Release]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql, arguments)
            return [Release(**row) for row in await cursor.fetchall()]


class PostgresDeployments:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = SagaRows(database, "deployments", MUTABLE_COLUMNS)

    async def add(self, deployment: Deployment) -> None:
        try:
            await self._database.connection.execute(
                f"INSERT INTO deployments ({', '.join(INSERTED_COLUMNS)}, terms) VALUES ({INSERTED_VALUES}, %(terms)s)",
                {**{name: getattr(deployment, name) for name in INSERTED_COLUMNS}, "terms": Jsonb(deployment.terms.as_json())},
            )
        except errors.UniqueViolation as violation:
            if violation.diag.constraint_name != "deployments_one_running":
                raise
            raise DeploymentInProgress.of(deployment.application, deployment.environment) from violation
        await self._rows.save_inserted(deployment)

    async def get(self, deployment_id: UUID) -> Deployment:
        return await self._one(f"{SELECT} WHERE d.id = %s", deployment_id)

    async def lock(self, deployment_id: UUID) -> Deployment:
        return await self._one(f"{SELECT} WHERE d.id = %s FOR UPDATE OF d", deployment_id)

    async def save(self, deployment: Deployment) -> None:
        await self._rows.save(deployment)

    async def find_by_object(self, kind: str, namespace: str, name: str) -> Deployment | None:
        application = application_of(namespace)
        if application is None:
            return None
        running = await self._many(f"{SELECT} WHERE a.name = %s AND a.status = 'active' AND {RUNNING}", application)
        return next((each for each in running if (each.watched_object.kind, each.watched_object.name) == (kind, name)), None)

    async def lock_running(self, application_id: UUID) -> Sequence[Deployment]:
        rows = await self._many(f"{SELECT} WHERE d.application_id = %s AND {RUNNING} ORDER BY d.id FOR UPDATE OF d", application_id)
        return await self._rows.load_steps(rows)

    async def list_stuck(self, due_before: datetime, limit: int) -> Sequence[Deployment]:
        return await self._many(f"{SELECT} WHERE {RUNNING} AND d.reminder_at < %s ORDER BY d.reminder_at LIMIT %s", due_before, limit)

    async def find_serving(self, environment: Environment) -> Deployment | None:
        return await self._find_serving(environment, None)

    async def find_serving_before(self, environment: Environment, release: int) -> Deployment | None:
        return await self._find_serving(environment, release)

    async def _find_serving(self, environment: Environment, below: int | None) -> Deployment | None:
        rows = await self._many(
            f"""
            {SELECT} WHERE d.application_id = %s AND d.environment = %s AND d.status = 'succeeded' AND d.requested_at >= %s
            AND (%s::int IS NULL OR r.number < %s) ORDER BY d.finished_at DESC, d.id DESC LIMIT 1
            """,
            environment.application_id,
            environment.name,
            environment.created_at,
            below,
            below,
        )
        return rows[0] if rows else None

    async def list_observed(self) -> Sequence[Deployment]:
        return await self._many(f"{SELECT} WHERE d.status = 'observing'")

    async def add_traffic(self, deployment_id: UUID, requests: int, errors: int) -> tuple[int, int]:
        cursor = await self._database.connection.execute(
            "UPDATE deployments SET observed_requests = observed_requests + %s, observed_errors = observed_errors + %s WHERE id = %s"
            " RETURNING observed_requests, observed_errors",
            (requests, errors, deployment_id),
        )
        row = await cursor.fetchone()
        if row is None:
            raise DeploymentNotFound.of(deployment_id)
        return row[0], row[1]

    async def list_latest(self, application_id: UUID) -> Sequence[Deployment]:
        newest = "SELECT DISTINCT ON (environment) id FROM deployments WHERE application_id = %s ORDER BY environment, id DESC"
        return await self._many(f"{SELECT} WHERE d.id IN ({newest}) ORDER BY d.environment", application_id)

    async def page(self, application_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Deployment]:
        return await self._many(
            f"{SELECT} WHERE d.application_id = %s AND (%s::uuid IS NULL OR d.id < %s) ORDER BY d.id DESC LIMIT %s",
            application_id,
            before,
            before,
            limit,
        )

    async def _one(self, sql: str, deployment_id: UUID) -> Deployment:
        rows = await self._many(sql, deployment_id)
        if not rows:
            raise DeploymentNotFound.of(deployment_id)
        return (await self._rows.load_steps(rows))[0]

    async def _many(self, sql: str, *arguments: Any) -> list[Deployment]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql, arguments)
            return [_read_deployment(row) for row in await cursor.fetchall()]


def _read_deployment(row: dict[str, Any]) -> Deployment:
    row["status"], row["cause"], row["terms"] = Status(row["status"]), Cause(row["cause"]), Terms.from_json(row["terms"])
    del row["observed_requests"], row["observed_errors"]
    return Deployment(**row, stored_version=row["version"])
