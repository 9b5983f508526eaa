"""Customers, plans and usage in PostgreSQL. Constraints decide uniqueness: nothing is read before it is inserted."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import RowMaker, dict_row
from psycopg.types.json import Jsonb

from functions.billing.domain.billing_details import BillingDetails
from functions.billing.domain.customers import Customer, CustomerExists
from functions.billing.domain.money import Money
from functions.billing.domain.plans import Entitlements, Meter, Plan, Price, StorageEntitlements, Tier
from functions.runtime.storage.database import Database

STORAGE: LiteralString = "data_services, data_services_mib, volumes, volumes_mib, backups, backups_mib"
PLAN: LiteralString = f"""code, version, name, fee_minor, currency, applications, memory_mib, {STORAGE}
    FROM plans JOIN entitlements ON (plan_code, plan_version) = (code, version) JOIN storage_entitlements USING (plan_code, plan_version)"""
CUSTOMER: LiteralString = (
    "id, user_id, email, created_at, provider_id, payment_method, account_refusal_reason, deleted_at, closed_at, billing_details"
)


def _customer_row(cursor: AsyncCursor[Any]) -> RowMaker[Customer]:
    read = dict_row(cursor)

    def make(values: Sequence[Any]) -> Customer:
        row = read(values)
        details = row.pop("billing_details")
        return Customer(**row, billing_details=BillingDetails.of_json(details) if details else None)

    return make


class PostgresCustomers:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, customer: Customer) -> None:
        inserted = await self._database.connection.execute(
            "INSERT INTO customers (id, user_id, email, created_at, deleted_at, closed_at) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (user_id) DO NOTHING",
            (customer.id, customer.user_id, customer.email, customer.created_at, customer.deleted_at, customer.closed_at),
        )
        if not inserted.rowcount:
            raise CustomerExists(str(customer.user_id))

    async def get_by_user(self, user_id: UUID) -> Customer | None:
        async with self._database.connection.cursor(row_factory=_customer_row) as cursor:
            await cursor.execute(f"SELECT {CUSTOMER} FROM customers WHERE user_id = %s", (user_id,))
            return await cursor.fetchone()

    async def get(self, customer_id: UUID) -> Customer:
        async with self._database.connection.cursor(row_factory=_customer_row) as cursor:
            await cursor.execute(f"SELECT {CUSTOMER} FROM customers WHERE id = %s", (customer_id,))
            customer = await cursor.fetchone()
        if customer is None:
            raise LookupError(f"there is no customer {customer_id}")
        return customer

    async def get_many(self, customer_ids: Collection[UUID]) -> Mapping[UUID, Customer]:
        async with self._database.connection.cursor(row_factory=_customer_row) as cursor:
            await cursor.execute(f"SELECT {CUSTOMER} FROM customers WHERE id = ANY(%s)", (list(customer_ids),))
            found = {customer.id: customer for customer in await cursor.fetchall()}
        if missing := set(customer_ids) - found.keys():
            raise LookupError(f"there is no customer {min(missing)}")
        return found

    async def set_provider_id(self, customer_id: UUID, provider_id: str) -> None:
        await self._database.connection.execute(
            "UPDATE customers SET provider_id = %s, account_refusal_reason = NULL, version = version + 1 WHERE id = %s AND provider_id IS NULL",
            (provider_id, customer_id),
        )

    async def set_account_refusal(self, customer_id: UUID, reason: str) -> None:
        await self._database.connection.execute(
            "UPDATE customers SET account_refusal_reason = %s, version = version + 1 WHERE id = %s AND provider_id IS NULL", (reason, customer_id)
        )

    async def set_payment_method(self, customer_id: UUID, payment_method: str) -> None:
        await self._database.connection.execute(
            "UPDATE customers SET payment_method = %s, version = version + 1 WHERE id = %s", (payment_method, customer_id)
        )

    async def set_billing_details(self, customer_id: UUID, details: BillingDetails) -> None:
        await self._database.connection.execute(
            "UPDATE customers SET billing_details = %s, version = version + 1 WHERE id = %s AND closed_at IS NULL",
            (Jsonb(details.to_json()), customer_id),
        )

    async def set_email(self, user_id: UUID, email: str) -> bool:
        updated = await self._database.connection.execute(
            "UPDATE customers SET email = CASE WHEN closed_at IS NULL THEN %s ELSE email END, version = version + 1 WHERE user_id = %s",
            (email, user_id),
        )
        return updated.rowcount == 1

    async def mark_deleted(self, customer_id: UUID, at: datetime) -> None:
        await self._database.connection.execute(
            "UPDATE customers SET deleted_at = %s, version = version + 1 WHERE id = %s AND deleted_at IS NULL", (at, customer_id)
        )

    async def list_closing(self, before: datetime, limit: int) -> Sequence[Customer]:
        async with self._database.connection.cursor(row_factory=_customer_row) as cursor:
            await cursor.execute(
                f"SELECT {CUSTOMER} FROM customers WHERE deleted_at < %s AND closed_at IS NULL ORDER BY deleted_at LIMIT %s", (before, limit)
            )
            return await cursor.fetchall()

    async def erase(self, customer_id: UUID, at: datetime) -> None:
        connection = self._database.connection
        await connection.execute("DELETE FROM payment_method_changes WHERE customer_id = %s", (customer_id,))
        await connection.execute(
            """
            UPDATE customers SET email = '', provider_id = NULL, payment_method = NULL, account_refusal_reason = NULL, billing_details = NULL,
                closed_at = %s, version = version + 1
            WHERE id = %s AND closed_at IS NULL
            """,
            (at, customer_id),
        )

    async def list_matching(self, text: str, *, before: UUID | None, limit: int) -> Sequence[Customer]:
        async with self._database.connection.cursor(row_factory=_customer_row) as cursor:
            await cursor.execute(
                f"""
                SELECT {CUSTOMER} FROM customers WHERE position(lower(%s) IN lower(email)) > 0 AND (%s::uuid IS NULL OR id < %s)
                ORDER BY id DESC LIMIT %s
                """,
                (text, before, before, limit),
            )
            return await cursor.fetchall()


class PostgresPlans:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_offered(self, at: datetime) -> Sequence[Plan]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT DISTINCT ON (code) {PLAN} WHERE offered_from <= %s ORDER BY code, version DESC", (at,))
            plans = [await self._plan(row) for row in await cursor.fetchall()]
        return sorted(plans, key=lambda plan: (plan.fee.amount, plan.code))

    async def get_offered(self, code: str, at: datetime) -> Plan:
        return await self._one(
            f"SELECT {PLAN} WHERE code = %s AND offered_from <= %s ORDER BY version DESC LIMIT 1", (code, at), f"no plan {code!r} is on offer"
        )

    async def get(self, code: str, version: int) -> Plan:
        return await self._one(f"SELECT {PLAN} WHERE code = %s AND version = %s", (code, version), f"there is no plan {code!r} v{version}")

    async def _one(self, query: LiteralString, arguments: tuple[object, ...], error: str) -> Plan:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, arguments)
            row = await cursor.fetchone()
        if row is None:
            raise LookupError(error)
        return await self._plan(row)

    async def _plan(self, plan: dict[str, Any]) -> Plan:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                """
                SELECT meter, included_units, up_to, amount_minor, per_units
                FROM prices JOIN price_tiers USING (plan_code, plan_version, meter)
                WHERE plan_code = %s AND plan_version = %s
                ORDER BY meter, position
                """,
                (plan["code"], plan["version"]),
            )
            rows = await cursor.fetchall()
        tiers: dict[Meter, list[Tier]] = {}
        included: dict[Meter, int] = {}
        for row in rows:
            meter = Meter(row["meter"])
            included[meter] = row["included_units"]
            tiers.setdefault(meter, []).append(Tier(row["up_to"], Money(row["amount_minor"], plan["currency"]), row["per_units"]))
        prices = {meter: Price(included[meter], tuple(of_meter)) for meter, of_meter in tiers.items()}
        storage = StorageEntitlements(**{name: plan[name] for name in STORAGE.split(", ")})
        entitlements = Entitlements(plan["applications"], plan["memory_mib"], storage)
        return Plan(plan["code"], plan["version"], plan["name"], Money(plan["fee_minor"], plan["currency"]), prices, entitlements)
