"""Verification tokens, sent mails and failed logins in PostgreSQL."""

from datetime import datetime, timedelta
from uuid import UUID

from psycopg.errors import LockNotAvailable

from functions.auth.domain.email import Email
from functions.auth.domain.lockout import FORGOTTEN_AFTER, FailedLogins
from functions.auth.domain.mails import MailKind, SentMail
from functions.auth.domain.rejections import AccountLocked
from functions.auth.domain.tokens import REMEMBERED, OpaqueToken, VerificationToken
from functions.runtime.storage.database import Database

AT_ONCE = 5_000


class PostgresVerificationTokens:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: VerificationToken) -> None:
        await self._database.connection.execute(
            "INSERT INTO verification_tokens (id, user_id, token_hash, created_at, expires_at) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (token.id, token.user_id, token.token_hash, token.created_at, token.expires_at),
        )

    async def find(self, token: OpaqueToken) -> VerificationToken | None:
        row = await (
            await self._database.connection.execute(
                "SELECT id, user_id, token_hash, created_at, expires_at, used_at FROM verification_tokens WHERE token_hash = %s FOR UPDATE",
                (token.hash,),
            )
        ).fetchone()
        return None if row is None else VerificationToken(*row)

    async def save(self, token: VerificationToken) -> None:
        await self._database.connection.execute("UPDATE verification_tokens SET used_at = %s WHERE id = %s", (token.used_at, token.id))

    async def prune(self, at: datetime) -> int:
        gone = await self._database.connection.execute(
            "DELETE FROM verification_tokens WHERE id IN (SELECT id FROM verification_tokens WHERE expires_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            (at - REMEMBERED, AT_ONCE),
        )
        return gone.rowcount


class PostgresSentMails:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, user_id: UUID, kind: MailKind, since: datetime) -> int:
        row = await (
            await self._database.connection.execute(
                "SELECT count(*) FROM sent_mails WHERE user_id = %s AND kind = %s AND sent_at > %s", (user_id, kind, since)
            )
        ).fetchone()
        return 0 if row is None else int(row[0])

    async def add(self, mail: SentMail) -> None:
        await self._database.connection.execute(
            "INSERT INTO sent_mails (intent, user_id, kind, sent_at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (mail.intent, mail.user_id, mail.kind, mail.sent_at),
        )

    async def prune(self, at: datetime) -> int:
        gone = await self._database.connection.execute(
            "DELETE FROM sent_mails WHERE intent IN (SELECT intent FROM sent_mails WHERE sent_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            (at - REMEMBERED, AT_ONCE),
        )
        return gone.rowcount


class PostgresLoginFailures:
    """The row of an address is made and locked before a password is looked at: parallel guesses cannot outrun the count."""

    def __init__(self, database: Database, turn: timedelta = timedelta(seconds=2)) -> None:
        """`turn`: how long one login waits for another one of the same address; it holds a connection meanwhile."""
        self._database = database
        self._turn = turn

    async def of(self, email: Email) -> FailedLogins:
        connection = self._database.connection
        try:
            async with connection.transaction():
                await connection.execute("SELECT set_config('lock_timeout', %s, true)", (str(round(self._turn.total_seconds() * 1000)),))
                row = await (
                    await connection.execute(
                        "INSERT INTO login_failures AS f (address_hash, failures) VALUES (%s, 0)"
                        " ON CONFLICT (address_hash) DO UPDATE SET failures = f.failures RETURNING address_hash, failures, last_at, locked_until",
                        (FailedLogins.key(email),),
                    )
                ).fetchone()
        except LockNotAvailable as error:
            raise AccountLocked("Other logins for this address are under way; try again.", retry_after=1) from error
        assert row is not None
        return FailedLogins(*row)

    async def save(self, failures: FailedLogins) -> None:
        if not failures.count:
            await self._database.connection.execute("DELETE FROM login_failures WHERE address_hash = %s", (failures.address_hash,))
            return
        await self._database.connection.execute(
            "UPDATE login_failures SET failures = %s, last_at = %s, locked_until = %s WHERE address_hash = %s",
            (failures.count, failures.last_at, failures.locked_until, failures.address_hash),
        )

    async def prune(self, at: datetime) -> int:
        gone = await self._database.connection.execute(
            "DELETE FROM login_failures WHERE address_hash IN"
            " (SELECT address_hash FROM login_failures WHERE last_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            (at - FORGOTTEN_AFTER, AT_ONCE),
        )
        return gone.rowcount
