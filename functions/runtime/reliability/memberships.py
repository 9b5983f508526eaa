"""The members of teams in a context's own database, as events report them (`kernel.checked_access.Memberships`)."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from psycopg.types.json import Jsonb

from functions.kernel import Grant, Membership, Role
from functions.runtime.storage.database import Database


class PostgresMemberships:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, team_id: UUID, user_id: UUID) -> Membership | None:
        if team_id == user_id:
            return Membership.personal(user_id)
        cursor = await self._database.connection.execute(
            "SELECT id, team_id, user_id, role, grants FROM memberships WHERE team_id = %s AND user_id = %s", (team_id, user_id)
        )
        row = await cursor.fetchone()
        return _read(row) if row else None

    async def list_of(self, user_id: UUID) -> Sequence[Membership]:
        cursor = await self._database.connection.execute(
            "SELECT id, team_id, user_id, role, grants FROM memberships WHERE user_id = %s ORDER BY id", (user_id,)
        )
        return [Membership.personal(user_id), *(_read(row) for row in await cursor.fetchall())]

    async def names(self, team_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        if not team_ids:
            return {}
        cursor = await self._database.connection.execute("SELECT id, name FROM teams WHERE id = ANY(%s)", (list(team_ids),))
        return dict(await cursor.fetchall())

    async def save(self, membership: Membership) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO memberships AS stored (id, team_id, user_id, role, grants) VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (team_id, user_id) DO UPDATE SET id = excluded.id, role = excluded.role, grants = excluded.grants
            WHERE stored.id <= excluded.id
            """,
            (membership.id, membership.team_id, membership.user_id, membership.role.value, Jsonb(_grants(membership))),
        )

    async def remove(self, membership_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM memberships WHERE id = %s", (membership_id,))

    async def save_team(self, team_id: UUID, name: str) -> None:
        await self._database.connection.execute(
            "INSERT INTO teams (id, name) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET name = excluded.name", (team_id, name)
        )

    async def remove_team(self, team_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM memberships WHERE team_id = %s", (team_id,))
        await self._database.connection.execute("DELETE FROM teams WHERE id = %s", (team_id,))


def _grants(membership: Membership) -> list[dict[str, str | None]]:
    return [{"application": str(grant.application_id), "environment": grant.environment} for grant in membership.grants]


def _read(row: tuple[UUID, UUID, UUID, str, list[dict[str, str | None]]]) -> Membership:
    id, team_id, user_id, role, grants = row
    read = tuple(Grant(UUID(grant["application"]), grant["environment"]) for grant in grants)
    return Membership(id, team_id, user_id, Role(role), read)
