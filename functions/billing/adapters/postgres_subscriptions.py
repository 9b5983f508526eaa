"""Subscriptions over PostgreSQL. The row is the lock of all that moves with it: its customer's invoices and payments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.subscriptions import RatedPeriod, Status, Subscription
from functions.kernel import Transient
from functions.runtime.storage.database import Database

COLUMNS: LiteralString = (
    "id, customer_id, plan_code, plan_version, status, anchored_at, started_at, billed_until, next_plan_code, next_plan_version, version"
)


class PostgresSubscriptions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, subscription: Subscription) -> None:
        await self._database.connection.execute(
            f"INSERT INTO subscriptions ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                subscription.id,
                subscription.customer_id,
                subscription.plan_code,
                subscription.plan_version,
                subscription.status.value,
                subscription.anchored_at,
                subscription.started_at,
                subscription.billed_until,
                subscription.next_plan_code,
                subscription.next_plan_version,
                subscription.version,
            ),
        )

    async def running(self, customer_id: UUID) -> Subscription | None:
        return next(iter(await self._some("WHERE customer_id = %s AND status <> 'ended'", customer_id)), None)

    async def locked(self, customer_id: UUID) -> Subscription | None:
        return next(iter(await self._some("WHERE customer_id = %s AND status <> 'ended' FOR UPDATE", customer_id)), None)

    async def ended_before(self, moment: datetime, limit: int) -> Sequence[Subscription]:
        return await self._some("WHERE status <> 'ended' AND billed_until <= %s ORDER BY billed_until LIMIT %s", moment, limit)

    async def _some(self, where: LiteralString, *arguments: object) -> list[Subscription]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM subscriptions {where}", arguments)
            return [_subscription(row) for row in await cursor.fetchall()]

    async def save(self, subscription: Subscription) -> None:
        saved = await self._database.connection.execute(
            """
            UPDATE subscriptions SET plan_code = %s, plan_version = %s, status = %s, anchored_at = %s, started_at = %s, billed_until = %s,
                next_plan_code = %s, next_plan_version = %s, version = version + 1
            WHERE id = %s AND version = %s
            """,
            (
                subscription.plan_code,
                subscription.plan_version,
                subscription.status.value,
                subscription.anchored_at,
                subscription.started_at,
                subscription.billed_until,
                subscription.next_plan_code,
                subscription.next_plan_version,
                subscription.id,
                subscription.version,
            ),
        )
        if saved.rowcount != 1:
            raise Transient(f"subscription {subscription.id} has changed since it was read")
        subscription.version += 1

    async def rated(self, period: RatedPeriod) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO rated_periods (subscription_id, period_begin, period_end, plan_code, plan_version, charged) VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (subscription_id, period_begin) DO UPDATE SET charged = excluded.charged
            """,
            (period.subscription_id, period.period.begin, period.period.end, period.plan_code, period.plan_version, period.charged.amount),
        )

    async def last_rated(self, subscription_id: UUID) -> RatedPeriod | None:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                """
                SELECT period_begin, period_end, plan_code, plan_version, charged, currency
                FROM rated_periods JOIN plans ON (code, version) = (plan_code, plan_version)
                WHERE subscription_id = %s ORDER BY period_begin DESC LIMIT 1
                """,
                (subscription_id,),
            )
            row = await cursor.fetchone()
        if row is None:
            return None
        period = Period(row["period_begin"], row["period_end"])
        return RatedPeriod(subscription_id, period, row["plan_code"], row["plan_version"], Money(row["charged"], row["currency"]))


def _subscription(row: dict[str, Any]) -> Subscription:
    return Subscription(**{**row, "status": Status(row["status"])})
