"""Service accounts in PostgreSQL."""

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

from functions.auth.domain.service_account import MAX_SERVICE_ACCOUNTS, ServiceAccount
from functions.auth.domain.team_rejections import ServiceAccountNameTaken, ServiceAccountNotFound, TooManyServiceAccounts
from functions.kernel import Grant, Role, TeamAccess
from functions.runtime.storage.database import Database

SELECT: LiteralString = """
    SELECT id, team_id, name, role, created_by, created_at, disabled_at, deleted_at,
        ARRAY(SELECT application_id FROM service_account_grants WHERE service_account_id = id ORDER BY application_id, environment),
        ARRAY(SELECT environment FROM service_account_grants WHERE service_account_id = id ORDER BY application_id, environment)
    FROM service_accounts
"""


class PostgresServiceAccounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: ServiceAccount) -> None:
        if len(await self.list_of(account.team_id)) >= MAX_SERVICE_ACCOUNTS:
            raise TooManyServiceAccounts
        inserted = await self._database.connection.execute(
            """
            INSERT INTO service_accounts (id, team_id, name, role, created_by, created_at) VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (team_id, name) WHERE deleted_at IS NULL DO NOTHING
            """,
            (account.id, account.team_id, account.name, account.role.value, account.created_by, account.created_at),
        )
        if inserted.rowcount == 0:
            raise ServiceAccountNameTaken(f'The team has a service account "{account.name}". Choose another name, or delete that one first.')
        await self._save_grants(account)

    async def find(self, account_id: UUID) -> ServiceAccount | None:
        found = await self._many(f"{SELECT} WHERE id = %s", account_id)
        return found[0] if found else None

    async def get(self, access: TeamAccess, account_id: UUID) -> ServiceAccount:
        found = await self._many(f"{SELECT} WHERE id = %s AND team_id = %s AND deleted_at IS NULL", account_id, access.team_id)
        if not found:
            raise ServiceAccountNotFound
        return found[0]

    async def save(self, account: ServiceAccount) -> None:
        await self._database.connection.execute(
            "UPDATE service_accounts SET role = %s, disabled_at = %s, deleted_at = %s WHERE id = %s",
            (account.role.value, account.disabled_at, account.deleted_at, account.id),
        )
        await self._database.connection.execute("DELETE FROM service_account_grants WHERE service_account_id = %s", (account.id,))
        await self._save_grants(account)

    async def list_of(self, team_id: UUID) -> Sequence[ServiceAccount]:
        return await self._many(f"{SELECT} WHERE team_id = %s AND deleted_at IS NULL ORDER BY id", team_id)

    async def _save_grants(self, account: ServiceAccount) -> None:
        await self._database.connection.execute(
            "INSERT INTO service_account_grants (service_account_id, application_id, environment) SELECT %s, * FROM unnest(%s::uuid[], %s::text[])",
            (account.id, [each.application_id for each in account.grants], [each.environment for each in account.grants]),
        )

    async def _many(self, statement: LiteralString, *values: Any) -> list[ServiceAccount]:
        rows = await (await self._database.connection.execute(statement, values)).fetchall()
        return [_account(*row) for row in rows]


def _account(
    id: UUID,
    team_id: UUID,
    name: str,
    role: str,
    created_by: UUID,
    created_at: Any,
    disabled_at: Any,
    deleted_at: Any,
    applications: list[UUID],
    environments: list[str | None],
) -> ServiceAccount:
    grants = tuple(Grant(*each) for each in zip(applications, environments, strict=True))
    return ServiceAccount(id, team_id, name, Role(role), created_by, created_at, grants, disabled_at, deleted_at)
