"""Subscriptions in PostgreSQL.

Locking a row also protects its customer's invoices and payments, which change only under that lock.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter
from functions.billing.domain.rated_periods import BilledUsage, RatedPeriod
from functions.billing.domain.subscriptions import Subscription, SubscriptionStatus
from functions.kernel import Transient
from functions.runtime.storage.database import Database

COLUMNS: LiteralString = """id, customer_id, plan_code, plan_version, status, anchored_at, started_at, billed_until, next_plan_code,
    next_plan_version, suspended_at, credit_minor, exhausted_meters, exhausted_until, is_announced, version"""


class PostgresSubscriptions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, subscription: Subscription) -> None:
        await self._database.connection.execute(
            f"INSERT INTO subscriptions ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
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
                subscription.suspended_at,
                subscription.credit_minor,
                list(subscription.exhausted),
                subscription.exhausted_until,
                subscription.is_announced,
                subscription.version,
            ),
        )

    async def get_current(self, customer_id: UUID) -> Subscription | None:
        return next(iter(await self._select("WHERE customer_id = %s AND status <> 'ended'", customer_id)), None)

    async def current_of(self, customer_ids: Collection[UUID]) -> Mapping[UUID, Subscription]:
        return {each.customer_id: each for each in await self._select("WHERE customer_id = ANY(%s) AND status <> 'ended'", list(customer_ids))}

    async def lock(self, customer_id: UUID) -> Subscription | None:
        return next(iter(await self._select("WHERE customer_id = %s AND status <> 'ended' FOR UPDATE", customer_id)), None)

    async def end(self, subscription: Subscription, at: datetime) -> None:
        await self._database.connection.execute(
            "UPDATE subscriptions SET status = 'ended', ended_at = %s, suspended_at = NULL, version = version + 1"
            " WHERE id = %s AND status <> 'ended'",
            (at, subscription.id),
        )

    async def list_ended(self, before: datetime, limit: int) -> Sequence[Subscription]:
        return await self._select("WHERE status <> 'ended' AND billed_until <= %s ORDER BY billed_until LIMIT %s", before, limit)

    async def list_to_review(self, now: datetime, limit: int) -> Sequence[Subscription]:
        return await self._select(
            "WHERE (NOT is_announced OR exhausted_until IS NOT NULL) AND (NOT is_announced OR exhausted_until <= %s) AND status <> 'ended'"
            " ORDER BY id LIMIT %s",
            now,
            limit,
        )

    async def _select(self, where: LiteralString, *arguments: object) -> list[Subscription]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM subscriptions {where}", arguments)
            return [_subscription(row) for row in await cursor.fetchall()]

    async def save(self, subscription: Subscription) -> None:
        updated = await self._database.connection.execute(
            """
            UPDATE subscriptions SET plan_code = %s, plan_version = %s, status = %s, anchored_at = %s, started_at = %s, billed_until = %s,
                next_plan_code = %s, next_plan_version = %s, suspended_at = %s, credit_minor = %s, exhausted_meters = %s, exhausted_until = %s,
                is_announced = %s, version = version + 1
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
                subscription.suspended_at,
                subscription.credit_minor,
                list(subscription.exhausted),
                subscription.exhausted_until,
                subscription.is_announced,
                subscription.id,
                subscription.version,
            ),
        )
        if updated.rowcount != 1:
            raise Transient(f"subscription {subscription.id} has changed since it was read")
        subscription.version += 1


class PostgresUsageNotices:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, subscription_id: UUID, meter: Meter, period_begin: datetime, percent: int) -> bool:
        recorded = await self._database.connection.execute(
            """
            INSERT INTO usage_notices AS last (subscription_id, meter, period_begin, percent) VALUES (%s, %s, %s, %s)
            ON CONFLICT (subscription_id, meter) DO UPDATE SET period_begin = excluded.period_begin, percent = excluded.percent
            WHERE (last.period_begin, last.percent) < (excluded.period_begin, excluded.percent)
            """,
            (subscription_id, meter, period_begin, percent),
        )
        return recorded.rowcount == 1


class PostgresRatedPeriods:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, period: RatedPeriod) -> None:
        connection = self._database.connection
        await connection.execute(
            """
            INSERT INTO rated_periods (subscription_id, period_begin, period_end, plan_code, plan_version, is_open) VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (subscription_id, period_begin) DO UPDATE SET is_open = excluded.is_open
            """,
            (period.subscription_id, period.period.begin, period.period.end, period.plan_code, period.plan_version, period.is_open),
        )
        async with connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO billed_usage (subscription_id, period_begin, meter, quantity, amount_minor, currency) VALUES (%s, %s, %s, %s, %s, %s)
                ON CONFLICT (subscription_id, period_begin, meter)
                DO UPDATE SET quantity = excluded.quantity, amount_minor = excluded.amount_minor
                """,
                [
                    (period.subscription_id, period.period.begin, meter.value, billed.quantity, billed.amount.amount, billed.amount.currency)
                    for meter, billed in period.billed.items()
                ],
            )

    async def get(self, subscription_id: UUID, begin: datetime) -> RatedPeriod | None:
        return next(iter(await self._select("WHERE subscription_id = %s AND period_begin = %s", subscription_id, begin)), None)

    async def list_open(self, subscription_id: UUID) -> Sequence[RatedPeriod]:
        return await self._select("WHERE subscription_id = %s AND is_open ORDER BY period_begin", subscription_id)

    async def _select(self, where: LiteralString, *arguments: object) -> list[RatedPeriod]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT * FROM rated_periods {where}", arguments)
            rows = await cursor.fetchall()
            periods = []
            for row in rows:
                await cursor.execute(
                    "SELECT meter, quantity, amount_minor, currency FROM billed_usage WHERE subscription_id = %s AND period_begin = %s",
                    (row["subscription_id"], row["period_begin"]),
                )
                billed = {
                    Meter(each["meter"]): BilledUsage(each["quantity"], Money(each["amount_minor"], each["currency"]))
                    for each in await cursor.fetchall()
                }
                period = Period(row["period_begin"], row["period_end"])
                periods.append(RatedPeriod(row["subscription_id"], period, row["plan_code"], row["plan_version"], billed, row["is_open"]))
        return periods


def _subscription(row: dict[str, Any]) -> Subscription:
    exhausted = tuple(Meter(meter) for meter in row.pop("exhausted_meters"))
    return Subscription(**{**row, "status": SubscriptionStatus(row["status"]), "exhausted": exhausted})
