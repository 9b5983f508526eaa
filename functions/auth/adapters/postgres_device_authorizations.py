"""Sign-ins of devices in PostgreSQL."""

from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from functions.auth.domain.device_authorization import Decision, DeviceAuthorization
from functions.auth.domain.session import Device, Method
from functions.auth.domain.tokens import OpaqueToken
from functions.kernel import Transient
from functions.runtime.storage.database import Database

BATCH_SIZE = 5_000
COLUMNS = (
    "id, device_code_hash, user_code, address, user_agent, created_at, expires_at, interval_seconds, polled_at, decision, user_id, session_id, "
    "authenticated_at, methods, redeemed_at"
)


class PostgresDeviceAuthorizations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, authorization: DeviceAuthorization) -> None:
        each = authorization
        inserted = await self._database.connection.execute(
            "INSERT INTO device_authorizations"
            " (id, device_code_hash, user_code, address, user_agent, created_at, expires_at, interval_seconds, methods)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '{}') ON CONFLICT (user_code) DO NOTHING",
            (
                each.id,
                each.device_code_hash,
                each.user_code,
                each.device.address,
                each.device.user_agent,
                each.created_at,
                each.expires_at,
                each.interval_seconds,
            ),
        )
        if inserted.rowcount == 0:
            raise Transient("another sign-in of a device has the same user code")

    async def lock_by_device_code(self, device_code: OpaqueToken) -> DeviceAuthorization | None:
        return await self._one("device_code_hash = %s", device_code.hash)

    async def lock_by_user_code(self, user_code: str) -> DeviceAuthorization | None:
        return await self._one("user_code = %s", user_code)

    async def save(self, authorization: DeviceAuthorization) -> None:
        each = authorization
        await self._database.connection.execute(
            "UPDATE device_authorizations SET interval_seconds = %s, polled_at = %s, decision = %s, user_id = %s, session_id = %s,"
            " authenticated_at = %s, methods = %s, redeemed_at = %s WHERE id = %s",
            (
                each.interval_seconds,
                each.polled_at,
                each.decision,
                each.user_id,
                each.session_id,
                each.authenticated_at,
                sorted(each.methods),
                each.redeemed_at,
                each.id,
            ),
        )

    async def prune(self, now: datetime) -> int:
        deleted = await self._database.connection.execute(
            "DELETE FROM device_authorizations WHERE id IN"
            " (SELECT id FROM device_authorizations WHERE expires_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            (now, BATCH_SIZE),
        )
        return deleted.rowcount

    async def _one(self, condition: str, value: Any) -> DeviceAuthorization | None:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM device_authorizations WHERE {condition} FOR UPDATE", (value,))
            row = await cursor.fetchone()
        if row is None:
            return None
        values = row | {"methods": frozenset(map(Method, row["methods"])), "decision": Decision(row["decision"]) if row["decision"] else None}
        return DeviceAuthorization(device=Device(values.pop("address"), values.pop("user_agent")), **values)
