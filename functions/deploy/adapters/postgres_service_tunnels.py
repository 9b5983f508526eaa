"""Tunnels to data services in PostgreSQL."""

from dataclasses import asdict
from datetime import datetime

from psycopg.rows import class_row

from functions.deploy.domain.rejections import TicketNotFound
from functions.deploy.domain.service_tunnel import ServiceTunnel
from functions.runtime.storage.database import Database

COLUMNS = "id, token_hash, application_id, service_id, user_id, session_id, opened_at, accepts_until, ends_at"
VALUES = ", ".join(f"%({name})s" for name in COLUMNS.split(", "))


class PostgresServiceTunnels:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tunnel: ServiceTunnel) -> None:
        await self._database.connection.execute("DELETE FROM service_tunnels WHERE ends_at <= %s", (tunnel.opened_at,))
        await self._database.connection.execute(f"INSERT INTO service_tunnels ({COLUMNS}) VALUES ({VALUES})", asdict(tunnel))

    async def find(self, token_hash: bytes, now: datetime) -> ServiceTunnel:
        async with self._database.connection.cursor(row_factory=class_row(ServiceTunnel)) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM service_tunnels WHERE token_hash = %s AND ends_at > %s", (token_hash, now))
            tunnel = await cursor.fetchone()
        if tunnel is None:
            raise TicketNotFound
        return tunnel
