"""Domains in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import errors
from psycopg.rows import dict_row

from functions.deploy.domain.certificate import Certificate, CertificateSource
from functions.deploy.domain.dns_records import Proof
from functions.deploy.domain.domain_rejections import DomainNotFound, DomainTaken
from functions.deploy.domain.domains import Domain
from functions.runtime.storage.database import Database

OF_CERTIFICATE = tuple(each.name for each in fields(Certificate))
OF_DOMAIN = tuple(each.name for each in fields(Domain) if each.name != "certificate")
STORED = OF_DOMAIN + OF_CERTIFICATE
COLUMNS = ", ".join(STORED)
VALUES = ", ".join(f"%({name})s" for name in STORED)
UPDATES = ", ".join(f"{name} = %({name})s" for name in STORED if name not in ("id", "application_id", "host", "token", "created_at"))


class PostgresDomains:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, domain: Domain) -> None:
        same_host = await self._many("host = %s AND (verified_at IS NOT NULL OR application_id = %s)", domain.host, domain.application_id)
        if own := next((each for each in same_host if each.application_id == domain.application_id), None):
            raise DomainTaken.by_application(own.host, own.environment)
        if same_host:
            raise DomainTaken.of(domain.host)
        try:
            await self._database.connection.execute(f"INSERT INTO domains ({COLUMNS}) VALUES ({VALUES})", _row(domain))
        except errors.UniqueViolation as violation:
            raise DomainTaken.of(domain.host) from violation

    async def get(self, application_id: UUID, host: str) -> Domain:
        return await self._one(application_id, host, "")

    async def lock(self, application_id: UUID, host: str) -> Domain:
        return await self._one(application_id, host, " FOR UPDATE")

    async def find(self, domain_id: UUID) -> Domain | None:
        return next(iter(await self._many("id = %s", domain_id)), None)

    async def lock_any(self, domain_id: UUID) -> Domain | None:
        return next(iter(await self._many("id = %s FOR UPDATE", domain_id)), None)

    async def find_verified(self, application: str, host: str) -> Domain | None:
        condition: LiteralString = (
            "host = %s AND verified_at IS NOT NULL AND application_id = (SELECT id FROM applications WHERE name = %s AND status = 'active')"
        )
        return next(iter(await self._many(condition, host, application)), None)

    async def save(self, domain: Domain) -> bool:
        """The savepoint keeps the transaction usable after a violation."""
        try:
            async with self._database.connection.transaction():
                await self._database.connection.execute(f"UPDATE domains SET {UPDATES} WHERE id = %(id)s", _row(domain))
        except errors.UniqueViolation as violation:
            if violation.diag.constraint_name != "domains_owner":
                raise
            return False
        return True

    async def list_of(self, application_id: UUID, environment: str | None = None) -> Sequence[Domain]:
        condition: LiteralString = "application_id = %s AND (%s::text IS NULL OR environment = %s) ORDER BY host"
        return await self._many(condition, application_id, environment, environment)

    async def count_of_account(self, user_id: UUID) -> int:
        query: LiteralString = (
            "SELECT count(*) FROM domains JOIN applications ON applications.id = application_id WHERE user_id = %s AND status = 'active'"
        )
        found = await (await self._database.connection.execute(query, (user_id,))).fetchone()
        return int(found[0]) if found else 0

    async def delete(self, domain_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM domains WHERE id = %s", (domain_id,))

    async def list_to_check(self, due_before: datetime, limit: int) -> Sequence[UUID]:
        return await self._ids("next_check_at < %s ORDER BY next_check_at LIMIT %s", due_before, limit)

    async def list_to_issue(self, due_before: datetime, limit: int) -> Sequence[UUID]:
        condition: LiteralString = (
            "verified_at IS NOT NULL AND (is_pointed_here OR is_delegated) AND (source IS NULL OR source = 'acme')"
            " AND (next_attempt_at IS NULL OR next_attempt_at < %s) ORDER BY expires_at NULLS LAST, created_at LIMIT %s"
        )
        return await self._ids(condition, due_before, limit)

    async def list_to_ask(self, due_before: datetime, limit: int) -> Sequence[UUID]:
        condition: LiteralString = (
            "verified_at IS NOT NULL AND source = 'acme' AND failures = 0 AND expires_at > %s AND (renewal_info_at IS NULL OR renewal_info_at < %s)"
            " ORDER BY renewal_info_at NULLS FIRST LIMIT %s"
        )
        return await self._ids(condition, due_before, due_before, limit)

    async def record_order(self, host: str, at: datetime) -> None:
        await self._database.connection.execute("INSERT INTO certificate_orders (host, ordered_at) VALUES (%s, %s)", (host, at))

    async def orders_since(self, host: str, since: datetime) -> Sequence[datetime]:
        query: LiteralString = "SELECT ordered_at FROM certificate_orders WHERE host = %s AND ordered_at > %s ORDER BY ordered_at"
        return [row[0] for row in await (await self._database.connection.execute(query, (host, since))).fetchall()]

    async def delete_orders_before(self, before: datetime) -> None:
        await self._database.connection.execute("DELETE FROM certificate_orders WHERE ordered_at < %s", (before,))

    async def find_account(self, directory: str) -> tuple[str, str] | None:
        query: LiteralString = "SELECT sealed_key, thumbprint FROM acme_accounts WHERE directory = %s"
        found = await (await self._database.connection.execute(query, (directory,))).fetchone()
        return (found[0], found[1]) if found else None

    async def add_account(self, directory: str, sealed_key: str, thumbprint: str, at: datetime) -> None:
        insert: LiteralString = (
            "INSERT INTO acme_accounts (directory, sealed_key, thumbprint, created_at) VALUES (%s, %s, %s, %s) ON CONFLICT (directory) DO NOTHING"
        )
        await self._database.connection.execute(insert, (directory, sealed_key, thumbprint, at))

    async def _one(self, application_id: UUID, host: str, locking: LiteralString) -> Domain:
        found = await self._many("application_id = %s AND host = %s" + locking, application_id, host)
        if not found:
            raise DomainNotFound.of(host)
        return found[0]

    async def _many(self, condition: LiteralString, *values: object) -> list[Domain]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM domains WHERE {condition}", values)
            return [_domain(row) for row in await cursor.fetchall()]

    async def _ids(self, condition: LiteralString, *values: object) -> list[UUID]:
        found = await self._database.connection.execute(f"SELECT id FROM domains WHERE {condition}", values)
        return [row[0] for row in await found.fetchall()]


def _row(domain: Domain) -> dict[str, Any]:
    row = asdict(domain)
    return {**row, **row.pop("certificate")}


def _domain(row: dict[str, Any]) -> Domain:
    of_certificate = {name: row[name] for name in OF_CERTIFICATE}
    certificate = Certificate(**{**of_certificate, "source": CertificateSource(row["source"]) if row["source"] else None})
    of_domain = {name: row[name] for name in OF_DOMAIN}
    return Domain(**{**of_domain, "proof": Proof(row["proof"]) if row["proof"] else None}, certificate=certificate)
