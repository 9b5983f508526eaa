"""Subscriptions in PostgreSQL.

Locking a row also protects its customer's invoices and payments, which change only under that lock.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.subscriptions import RatedPeriod, Subscription, SubscriptionStatus
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

    async def get_current(self, customer_id: UUID) -> Subscription | None:
        return next(iter(await self._select("WHERE customer_id = %s AND status <> 'ended'", customer_id)), None)

    async def lock(self, customer_id: UUID) -> Subscription | None:
        return next(iter(await self._select("WHERE customer_id = %s AND status <> 'ended' FOR UPDATE", customer_id)), None)

    async def list_ended(self, before: datetime, limit: int) -> Sequence[Subscription]:
        return await self._select("WHERE status <> 'ended' AND billed_until <= %s ORDER BY billed_until LIMIT %s", before, limit)

    async def _select(self, where: LiteralString, *arguments: object) -> list[Subscription]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM subscriptions {where}", arguments)
            return [_subscription(row) for row in await cursor.fetchall()]

    async def save(self, subscription: Subscription) -> None:
        updated = await self._database.connection.execute(
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
        if updated.rowcount != 1:
            raise Transient(f"subscription {subscription.id} has changed since it was read")
        subscription.version += 1

    async def save_rated_period(self, period: RatedPeriod) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO rated_periods (subscription_id, period_begin, period_end, plan_code, plan_version, charged_minor)
            VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (subscription_id, period_begin) DO UPDATE SET charged_minor = excluded.charged_minor
            """,
            (period.subscription_id, period.period.begin, period.period.end, period.plan_code, period.plan_version, period.charged.amount),
        )

    async def get_last_rated_period(self, subscription_id: UUID) -> RatedPeriod | None:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                """
                SELECT period_begin, period_end, plan_code, plan_version, charged_minor, currency
                FROM rated_periods JOIN plans ON (code, version) = (plan_code, plan_version)
                WHERE subscription_id = %s ORDER BY period_begin DESC LIMIT 1
                """,
                (subscription_id,),
            )
            row = await cursor.fetchone()
        if row is None:
            return None
        period = Period(row["period_begin"], row["period_end"])
        return RatedPeriod(subscription_id, period, row["plan_code"], row["plan_version"], Money(row["charged_minor"], row["currency"]))


def _subscription(row: dict[str, Any]) -> Subscription:
    return Subscription(**{**row, "status": SubscriptionStatus(row["status"])})
