"""Credentials of repositories in PostgreSQL. Private keys and tokens arrive sealed."""

from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from functions.deploy.domain.repository_access import AccessToken, DeployKey, HostKey, RepositoryAccess
from functions.runtime.storage.database import Database

COLUMNS = (
    "application_id",
    *("public_key", "sealed_private_key", "key_created_at"),
    *("token_server", "token_user", "sealed_token", "token_set_at"),
    "host_keys",
)
VALUES = ", ".join(f"%({name})s" for name in COLUMNS)
UPDATES = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])


class PostgresRepositoryAccesses:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, application_id: UUID) -> RepositoryAccess:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM repository_access WHERE application_id = %s", (application_id,))
            row = await cursor.fetchone()
        return _read(row) if row else RepositoryAccess(application_id)

    async def save(self, access: RepositoryAccess) -> None:
        key, token = access.key, access.token
        await self._database.connection.execute(
            f"INSERT INTO repository_access ({', '.join(COLUMNS)}) VALUES ({VALUES}) ON CONFLICT (application_id) DO UPDATE SET {UPDATES}",
            {
                "application_id": access.application_id,
                "public_key": key and key.public_key,
                "sealed_private_key": key and key.sealed_private_key,
                "key_created_at": key and key.created_at,
                "token_server": token and token.server,
                "token_user": token and token.user,
                "sealed_token": token and token.sealed,
                "token_set_at": token and token.set_at,
                "host_keys": [each.line for each in access.host_keys],
            },
        )

    async def delete(self, application_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM repository_access WHERE application_id = %s", (application_id,))


def _read(row: dict[str, Any]) -> RepositoryAccess:
    access = RepositoryAccess(row["application_id"], host_keys=tuple(HostKey.parse(line) for line in row["host_keys"]))
    if row["public_key"]:
        access.key = DeployKey(row["public_key"], row["sealed_private_key"], row["key_created_at"])
    if row["sealed_token"]:
        access.token = AccessToken(row["token_server"], row["token_user"], row["sealed_token"], row["token_set_at"])
    return access
