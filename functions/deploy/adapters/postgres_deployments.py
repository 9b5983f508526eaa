"""Releases and deployments in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import errors
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from functions.deploy.domain.deployment import Deployment, Status, Step
from functions.deploy.domain.names import Environment, application_of
from functions.deploy.domain.rejections import DeploymentInProgress, DeploymentNotFound
from functions.deploy.domain.release import Release
from functions.kernel import Transient
from functions.runtime.database import Database

RUNNING = "d.status IN ('requested', 'building', 'releasing')"
SELECT = """
    SELECT d.*, a.name AS application, a.user_id FROM deployments d JOIN applications a ON a.id = d.application_id
"""
IN_ORDER = "array_position(ARRAY['requested', 'building', 'releasing'], step)"
CHANGING = ("status", "attempt", "commit", "release_id", "url", "reason", "detail", "changed_at", "deadline_at", "finished_at", "version")


class PostgresReleases:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, release: Release) -> Release:
        """Numbers are counted on the application's row: without gaps, and never the same twice."""
        cursor = await self._database.connection.execute(
            """
            WITH counted AS (UPDATE applications SET releases = releases + 1 WHERE id = %(application_id)s RETURNING releases)
            INSERT INTO releases (id, application_id, number, image, commit, kind, config_version, manifest, created_at)
            SELECT %(id)s, %(application_id)s, releases, %(image)s, %(commit)s, %(kind)s, %(config_version)s, %(manifest)s, %(created_at)s
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
                "created_at": release.created_at,
            },
        )
        row = await cursor.fetchone()
        assert row is not None, "a release's application is never deleted"
        return replace(release, number=row[0])

    async def get(self, release_id: UUID) -> Release:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute("SELECT * FROM releases WHERE id = %s", (release_id,))
            row = await cursor.fetchone()
        if row is None:
            raise LookupError(f"there is no release {release_id}")
        return Release(**row)

    async def numbers(self, release_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        cursor = await self._database.connection.execute("SELECT id, number FROM releases WHERE id = ANY(%s)", (list(release_ids),))
        return {id: number for id, number in await cursor.fetchall()}


class PostgresDeployments:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, deployment: Deployment) -> None:
        try:
            await self._database.connection.execute(
                """
                INSERT INTO deployments (id, application_id, environment, ref, status, correlation_id, requested_at, changed_at, deadline_at, version)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                """,
                (
                    deployment.id,
                    deployment.application_id,
                    deployment.environment,
                    deployment.ref,
                    deployment.status,
                    deployment.correlation_id,
                    deployment.requested_at,
                    deployment.changed_at,
                    deployment.deadline_at,
                    deployment.version,
                ),
            )
        except errors.UniqueViolation as running:
            if running.diag.constraint_name != "deployments_one_running":
                raise
            raise DeploymentInProgress(
                f"A deployment of {deployment.application} to {deployment.environment} is running; wait for its end."
            ) from running
        await self._save_steps(deployment)
        deployment.stored_version = deployment.version

    async def get(self, deployment_id: UUID) -> Deployment:
        return await self._one(f"{SELECT} WHERE d.id = %s", deployment_id)

    async def locked(self, deployment_id: UUID) -> Deployment:
        return await self._one(f"{SELECT} WHERE d.id = %s FOR UPDATE OF d", deployment_id)

    async def save(self, deployment: Deployment) -> None:
        if deployment.version == deployment.stored_version:
            return
        values = {name: getattr(deployment, name) for name in CHANGING}
        cursor = await self._database.connection.execute(
            f"UPDATE deployments SET {', '.join(f'{name} = %({name})s' for name in CHANGING)} WHERE id = %(id)s AND version = %(stored)s",
            {**values, "id": deployment.id, "stored": deployment.stored_version},
        )
        if cursor.rowcount != 1:
            raise Transient(f"deployment {deployment.id} has changed since it was read")
        await self._save_steps(deployment)
        deployment.stored_version = deployment.version

    async def awaiting(self, kind: str, namespace: str, name: str) -> Deployment | None:
        application = application_of(namespace)
        if application is None:
            return None
        running = await self._many(f"{SELECT} WHERE a.name = %s AND a.status = 'active' AND {RUNNING}", application)
        return next((each for each in running if (each.awaits.kind, each.awaits.name) == (kind, name)), None)

    async def running_of(self, application_id: UUID) -> Sequence[Deployment]:
        found = await self._many(f"{SELECT} WHERE d.application_id = %s AND {RUNNING} ORDER BY d.id FOR UPDATE OF d", application_id)
        return await self._with_steps(found)

    async def quiet(self, since: datetime, limit: int) -> Sequence[Deployment]:
        return await self._many(f"{SELECT} WHERE {RUNNING} AND d.changed_at < %s ORDER BY d.changed_at LIMIT %s", since, limit)

    async def last_good(self, application_id: UUID, environment: str) -> Deployment | None:
        found = await self._many(
            f"{SELECT} WHERE d.application_id = %s AND d.environment = %s AND d.status = 'succeeded' ORDER BY d.finished_at DESC LIMIT 1",
            application_id,
            environment,
        )
        return found[0] if found else None

    async def latest(self, application_id: UUID) -> Sequence[Deployment]:
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
        found = await self._many(sql, deployment_id)
        if not found:
            raise DeploymentNotFound
        return (await self._with_steps(found))[0]

    async def _with_steps(self, deployments: list[Deployment]) -> list[Deployment]:
        by_id = {each.id: each for each in deployments}
        cursor = await self._database.connection.execute(
            f"SELECT deployment_id, step, started_at, finished_at FROM deployment_steps WHERE deployment_id = ANY(%s) ORDER BY {IN_ORDER}",
            (list(by_id),),
        )
        for deployment_id, step, started, finished in await cursor.fetchall():
            by_id[deployment_id].steps.append(Step(Status(step), started, finished))
        return deployments

    async def _many(self, sql: str, *arguments: Any) -> list[Deployment]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql, arguments)
            return [_deployment(row) for row in await cursor.fetchall()]

    async def _save_steps(self, deployment: Deployment) -> None:
        async with self._database.connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO deployment_steps (deployment_id, step, started_at, finished_at) VALUES (%s, %s, %s, %s)
                ON CONFLICT (deployment_id, step) DO UPDATE SET finished_at = excluded.finished_at
                """,
                [(deployment.id, each.step, each.started_at, each.finished_at) for each in deployment.steps],
            )


def _deployment(row: dict[str, Any]) -> Deployment:
    row["status"], row["environment"] = Status(row["status"]), Environment(row["environment"])
    return Deployment(**row, stored_version=row["version"])
