"""Teams and their members in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import class_row

from functions.auth.domain.environments import KnownEnvironments, created_at
from functions.auth.domain.team import Member, Team
from functions.auth.domain.team_rejections import (
    AlreadyMember,
    TeamNotFound,
)
from functions.kernel import Grant, Membership, Role, TeamAccess
from functions.runtime.storage.database import Database

COLUMNS: LiteralString = """
    team_members.id, team_members.team_id, team_members.user_id, team_members.role,
    ARRAY(SELECT application_id FROM grants WHERE member_id = team_members.id ORDER BY application_id, environment),
    ARRAY(SELECT environment FROM grants WHERE member_id = team_members.id ORDER BY application_id, environment)
"""


class PostgresTeams:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, team: Team, owner: Membership) -> None:
        await self._database.connection.execute(
            "INSERT INTO teams (id, name, email, created_at) VALUES (%s, %s, %s, %s)", (team.id, team.name, team.email, team.created_at)
        )
        await self.add_member(owner, team.created_at)
        await self._database.connection.execute(
            "INSERT INTO created_teams (team_id, user_id, created_at) VALUES (%s, %s, %s)", (team.id, owner.user_id, team.created_at)
        )

    async def count_created(self, user_id: UUID, since: datetime | None = None) -> int:
        rows = await self._rows(
            """
            SELECT count(*) FROM created_teams WHERE user_id = %(user)s AND CASE WHEN %(since)s::timestamptz IS NULL
            THEN EXISTS (SELECT FROM teams WHERE teams.id = team_id) ELSE created_at > %(since)s END
            """,
            {"user": user_id, "since": since},
        )
        return int(rows[0][0])

    async def get(self, access: TeamAccess) -> Team:
        return _required(await self.find(access.team_id))

    async def lock(self, access: TeamAccess) -> Team:
        return _required(await self.lock_any(access.team_id))

    async def lock_any(self, team_id: UUID) -> Team | None:
        return await self._one("SELECT id, name, email, created_at FROM teams WHERE id = %s FOR UPDATE", team_id)

    async def find(self, team_id: UUID) -> Team | None:
        return await self._one("SELECT id, name, email, created_at FROM teams WHERE id = %s", team_id)

    async def save(self, team: Team) -> None:
        await self._database.connection.execute("UPDATE teams SET name = %s, email = %s WHERE id = %s", (team.name, team.email, team.id))

    async def delete(self, team_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM teams WHERE id = %s", (team_id,))

    async def find_membership(self, team_id: UUID, user_id: UUID) -> Membership | None:
        if team_id == user_id:
            return Membership.personal(user_id)
        rows = await self._rows(f"SELECT {COLUMNS} FROM team_members WHERE team_id = %s AND user_id = %s", (team_id, user_id))
        return _membership(rows[0]) if rows else None

    async def list_of(self, user_id: UUID) -> Sequence[tuple[Team, Membership]]:
        rows = await self._rows(
            f"""
            SELECT teams.id, teams.name, teams.email, teams.created_at, {COLUMNS}
            FROM team_members JOIN teams ON teams.id = team_members.team_id WHERE user_id = %s ORDER BY team_members.id
            """,
            (user_id,),
        )
        return [(Team(*row[:4]), _membership(row[4:])) for row in rows]

    async def list_members(self, team_id: UUID) -> Sequence[Member]:
        rows = await self._rows(
            f"""
            SELECT users.email, users.name, team_members.joined_at, users.deletes_at, users.suspended_at, {COLUMNS}
            FROM team_members JOIN users ON users.id = team_members.user_id WHERE team_id = %s ORDER BY team_members.id
            """,
            (team_id,),
        )
        return [Member(_membership(row[5:]), *row[:5]) for row in rows]

    async def add_member(self, membership: Membership, at: datetime) -> None:
        inserted = await self._database.connection.execute(
            "INSERT INTO team_members (id, team_id, user_id, role, joined_at) VALUES (%s, %s, %s, %s, %s) ON CONFLICT (team_id, user_id) DO NOTHING",
            (membership.id, membership.team_id, membership.user_id, membership.role.value, at),
        )
        if inserted.rowcount == 0:
            raise AlreadyMember

    async def save_member(self, membership: Membership) -> None:
        connection = self._database.connection
        await connection.execute("UPDATE team_members SET role = %s WHERE id = %s", (membership.role.value, membership.id))
        await connection.execute("DELETE FROM grants WHERE member_id = %s", (membership.id,))
        await connection.execute(
            "INSERT INTO grants (member_id, application_id, environment) SELECT %s, * FROM unnest(%s::uuid[], %s::text[])",
            (membership.id, [each.application_id for each in membership.grants], [each.environment for each in membership.grants]),
        )

    async def remove_member(self, membership_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM team_members WHERE id = %s", (membership_id,))

    async def add_applications(self, applications: Collection[tuple[UUID, UUID]]) -> None:
        """Sent with the next statement or the commit: the conflict target leaves nothing that could fail."""
        self._database.connection.queue(
            """
            INSERT INTO team_applications (application_id, team_id, is_deleted)
            SELECT application_id, team_id, false FROM unnest(%s::uuid[], %s::uuid[]) AS added (team_id, application_id)
            WHERE team_id IN (SELECT id FROM teams) ORDER BY application_id
            ON CONFLICT (application_id) DO NOTHING
            """,
            ([team_id for team_id, _ in applications], [application_id for _, application_id in applications]),
        )

    async def remove_application(self, team_id: UUID, application_id: UUID) -> None:
        """Sent with the next statement or the commit, as `add_applications`."""
        self._database.connection.queue(
            """
            INSERT INTO team_applications (application_id, team_id, is_deleted) SELECT %s, id, true FROM teams WHERE id = %s
            ON CONFLICT (application_id) DO UPDATE SET is_deleted = true
            """,
            (application_id, team_id),
        )
        self._database.connection.queue("DELETE FROM application_environments WHERE application_id = %s", (application_id,))

    async def transfer_application(self, application_id: UUID, team_id: UUID, at: datetime) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO team_applications AS known (application_id, team_id, is_deleted, transferred_at)
            VALUES (%s, (SELECT id FROM teams WHERE id = %s), false, %s)
            ON CONFLICT (application_id) DO UPDATE SET team_id = excluded.team_id, transferred_at = excluded.transferred_at
            WHERE known.transferred_at IS NULL OR known.transferred_at <= excluded.transferred_at
            """,
            (application_id, team_id, at),
        )

    async def list_applications(self, team_id: UUID) -> Sequence[UUID]:
        rows = await self._rows("SELECT application_id FROM team_applications WHERE team_id = %s AND NOT is_deleted", (team_id,))
        return [row[0] for row in rows]

    async def record_environment(self, application_id: UUID, name: str, *, is_deleted: bool, at: datetime) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO application_environments AS known (application_id, environment, is_deleted, changed_at) VALUES (%s, %s, %s, %s)
            ON CONFLICT (application_id, environment) DO UPDATE SET is_deleted = excluded.is_deleted, changed_at = excluded.changed_at
            WHERE known.changed_at <= excluded.changed_at
            """,
            (application_id, name, is_deleted, at),
        )

    async def list_environments(self, application_ids: Collection[UUID]) -> Mapping[UUID, KnownEnvironments]:
        rows = await self._rows(
            """
            SELECT application_id, max(since.at), array_agg(environment), array_agg(is_deleted)
            FROM environments_known_since AS since, unnest(%s::uuid[]) AS each (application_id)
                LEFT JOIN application_environments USING (application_id)
            GROUP BY application_id
            """,
            (list(application_ids),),
        )
        return {
            id: KnownEnvironments(
                {name: not is_deleted for name, is_deleted in zip(names, deleted, strict=True) if name is not None}, created_at(id) >= since
            )
            for id, since, names, deleted in rows
        }

    async def _one(self, statement: LiteralString, team_id: UUID) -> Team | None:
        async with self._database.connection.cursor(row_factory=class_row(Team)) as cursor:
            await cursor.execute(statement, (team_id,))
            return await cursor.fetchone()

    async def _rows(self, statement: LiteralString, values: tuple[Any, ...] | dict[str, Any]) -> Sequence[tuple[Any, ...]]:
        return await (await self._database.connection.execute(statement, values)).fetchall()


def _required(team: Team | None) -> Team:
    if team is None:
        raise TeamNotFound
    return team


def _membership(row: tuple[Any, ...]) -> Membership:
    id, team_id, user_id, role, applications, environments = row
    return Membership(id, team_id, user_id, Role(role), tuple(Grant(*each) for each in zip(applications, environments, strict=True)))
