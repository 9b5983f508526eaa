"""Verification tokens, sent e-mails and failed logins in PostgreSQL."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.errors import LockNotAvailable

from functions.auth.domain.email import Email
from functions.auth.domain.email_limits import EmailKind, SentEmail
from functions.auth.domain.lockout import FAILURE_RETENTION, FailedLogins
from functions.auth.domain.rejections import (
    AccountLocked,
)
from functions.auth.domain.tokens import RETENTION, OpaqueToken, TokenPurpose, VerificationToken
from functions.runtime.storage.database import Database

BATCH_SIZE = 5_000


class PostgresVerificationTokens:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: VerificationToken) -> None:
        await self._database.connection.execute(
            "INSERT INTO verification_tokens (id, user_id, token_hash, created_at, expires_at, purpose) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (token.id, token.user_id, token.token_hash, token.created_at, token.expires_at, token.purpose),
        )

    async def lock(self, token: OpaqueToken, purpose: TokenPurpose) -> VerificationToken | None:
        row = await (
            await self._database.connection.execute(
                "SELECT id, user_id, token_hash, created_at, expires_at, used_at FROM verification_tokens"
                " WHERE token_hash = %s AND purpose = %s FOR UPDATE",
                (token.hash, purpose),
            )
        ).fetchone()
        return None if row is None else replace(VerificationToken(*row), purpose=purpose)

    async def use_all(self, user_id: UUID, now: datetime) -> None:
        await self._database.connection.execute("UPDATE verification_tokens SET used_at = %s WHERE user_id = %s AND used_at IS NULL", (now, user_id))

    async def use_older(self, user_id: UUID, purpose: TokenPurpose, now: datetime) -> None:
        await self._database.connection.execute(
            "UPDATE verification_tokens SET used_at = %(now)s WHERE user_id = %(user)s AND purpose = %(purpose)s AND used_at IS NULL AND created_at <"
            " (SELECT max(created_at) FROM verification_tokens WHERE user_id = %(user)s AND purpose = %(purpose)s)",
            {"now": now, "user": user_id, "purpose": purpose},
        )

    async def prune(self, now: datetime) -> int:
        deleted = await self._database.connection.execute(
            "DELETE FROM verification_tokens WHERE id IN (SELECT id FROM verification_tokens WHERE expires_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            (now - RETENTION, BATCH_SIZE),
        )
        return deleted.rowcount


class PostgresSentEmails:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, user_id: UUID, kind: EmailKind, since: datetime) -> int:
        row = await (
            await self._database.connection.execute(
                "SELECT count(*) FROM sent_emails WHERE user_id = %s AND kind = %s AND sent_at > %s", (user_id, kind, since)
            )
        ).fetchone()
        return 0 if row is None else int(row[0])

    async def add(self, email: SentEmail) -> None:
        await self._database.connection.execute(
            "INSERT INTO sent_emails (intent, user_id, kind, sent_at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (email.intent, email.user_id, email.kind, email.sent_at),
        )

    async def prune(self, now: datetime) -> int:
        deleted = await self._database.connection.execute(
            "DELETE FROM sent_emails WHERE intent IN (SELECT intent FROM sent_emails WHERE sent_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            (now - RETENTION, BATCH_SIZE),
        )
        return deleted.rowcount


class PostgresLoginFailures:
    """The row of an address is created and locked before a password is checked, so parallel guesses cannot outrun the count."""

    def __init__(self, database: Database, lock_timeout: timedelta = timedelta(seconds=2)) -> None:
        """`lock_timeout`: how long a login waits for another one of the same address, while it holds a connection."""
        self._database = database
        self._lock_timeout = lock_timeout

    async def lock(self, email: Email) -> FailedLogins:
        connection = self._database.connection
        try:
            async with connection.transaction():
                await connection.execute("SELECT set_config('lock_timeout', %s, true)", (str(round(self._lock_timeout.total_seconds() * 1000)),))
                row = await (
                    await connection.execute(
                        "INSERT INTO login_failures AS f (address_hash, failures) VALUES (%s, 0)"
                        " ON CONFLICT (address_hash) DO UPDATE SET failures = f.failures RETURNING address_hash, failures, last_at, locked_until",
                        (FailedLogins.hash_address(email),),
                    )
                ).fetchone()
        except LockNotAvailable as error:
            raise AccountLocked("Another login for this address is in progress. Try again in 1 second.", retry_after=1) from error
        assert row is not None
        return FailedLogins(*row)

    async def find(self, email: Email) -> FailedLogins | None:
        cursor = await self._database.connection.execute(
            "SELECT address_hash, failures, last_at, locked_until FROM login_failures WHERE address_hash = %s", (FailedLogins.hash_address(email),)
        )
        row = await cursor.fetchone()
        return None if row is None else FailedLogins(*row)

    async def save(self, failures: FailedLogins) -> None:
        if not failures.count:
            await self._database.connection.execute("DELETE FROM login_failures WHERE address_hash = %s", (failures.address_hash,))
            return
        await self._database.connection.execute(
            "UPDATE login_failures SET failures = %s, last_at = %s, locked_until = %s WHERE address_hash = %s",
            (failures.count, failures.last_at, failures.locked_until, failures.address_hash),
        )

    async def prune(self, now: datetime) -> int:
        deleted = await self._database.connection.execute(
            "DELETE FROM login_failures WHERE address_hash IN"
            " (SELECT address_hash FROM login_failures WHERE last_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            (now - FAILURE_RETENTION, BATCH_SIZE),
        )
        return deleted.rowcount
