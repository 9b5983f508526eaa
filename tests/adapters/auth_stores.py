"""The stores of the auth context on memory and on PostgreSQL, with sample rows."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.auth.adapters.postgres_api_tokens import PostgresApiTokens
from functions.auth.adapters.postgres_device_authorizations import PostgresDeviceAuthorizations
from functions.auth.adapters.postgres_identities import PostgresIdentities, PostgresProviderLogins
from functions.auth.adapters.postgres_passkeys import PostgresPasskeyChallenges, PostgresPasskeys
from functions.auth.adapters.postgres_registrations import PostgresRegistrations
from functions.auth.adapters.postgres_second_factors import PostgresSecondFactors
from functions.auth.adapters.postgres_sessions import PostgresSessions
from functions.auth.adapters.postgres_tokens import PostgresLoginFailures, PostgresSentEmails, PostgresVerificationTokens
from functions.auth.adapters.postgres_users import PostgresUsers
from functions.auth.domain.email import Email
from functions.auth.domain.session import Device, Session
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import User
from functions.auth.ports import (
    ApiTokens,
    DeviceAuthorizations,
    Identities,
    LoginFailures,
    PasskeyChallenges,
    Passkeys,
    ProviderLogins,
    Registrations,
    RevokedSessions,
    SecondFactors,
    SentEmails,
    Sessions,
    Users,
    VerificationTokens,
)
from functions.kernel import new_id
from functions.runtime.reliability.revoked_sessions import RevokedSessions as PostgresRevokedSessions
from functions.runtime.storage.database import Database
from tests.memory import auth as memory
from tests.memory.auth_passkeys import MemoryPasskeyChallenges, MemoryPasskeys
from tests.memory.auth_sign_in import MemoryDeviceAuthorizations, MemoryIdentities, MemoryProviderLogins
from tests.memory.auth_tokens import MemoryApiTokens, MemorySecondFactors
from tests.memory.runtime import MemoryRevokedSessions

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA"


@dataclass
class Stores:
    users: Users
    sessions: Sessions
    verifications: VerificationTokens
    sent_emails: SentEmails
    failures: LoginFailures
    registrations: Registrations
    revoked: RevokedSessions
    api_tokens: ApiTokens
    factors: SecondFactors
    devices: DeviceAuthorizations
    identities: Identities
    provider_logins: ProviderLogins
    passkeys: Passkeys
    passkey_challenges: PasskeyChallenges
    database: Database | None = None

    def transaction(self, read_only: bool = False) -> AbstractAsyncContextManager[Any]:
        return self.database.transaction(read_only=read_only) if self.database else no_transaction()


def in_memory() -> Stores:
    revoked = MemoryRevokedSessions()
    return Stores(
        memory.MemoryUsers(),
        memory.MemorySessions(revoked),
        memory.MemoryVerificationTokens(),
        memory.MemorySentEmails(),
        memory.MemoryLoginFailures(),
        memory.MemoryRegistrations(),
        revoked,
        MemoryApiTokens(revoked),
        MemorySecondFactors(),
        MemoryDeviceAuthorizations(),
        MemoryIdentities(),
        MemoryProviderLogins(),
        MemoryPasskeys(),
        MemoryPasskeyChallenges(),
    )


@asynccontextmanager
async def no_transaction() -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def in_postgres(url: str) -> AsyncIterator[Stores]:
    database = Database(url)
    try:
        yield Stores(
            PostgresUsers(database),
            PostgresSessions(database),
            PostgresVerificationTokens(database),
            PostgresSentEmails(database),
            PostgresLoginFailures(database, lock_timeout=timedelta(milliseconds=300)),
            PostgresRegistrations(database),
            PostgresRevokedSessions(database),
            PostgresApiTokens(database),
            PostgresSecondFactors(database),
            PostgresDeviceAuthorizations(database),
            PostgresIdentities(database),
            PostgresProviderLogins(database),
            PostgresPasskeys(database),
            PostgresPasskeyChallenges(database),
            database,
        )
    finally:
        await database.close()


def new_user() -> User:
    user, _ = User.register(Email(f"user-{new_id().hex}@example.org"), HASH, NOW)
    return user


async def stored_user(stores: Stores) -> User:
    user = new_user()
    async with stores.transaction():
        await stores.users.add(user)
    return user


async def stored_session(stores: Stores, at: datetime = NOW) -> tuple[Session, OpaqueToken]:
    user = await stored_user(stores)
    session, _ = Session.start(user.id, Device("203.0.113.7", "curl/8"), at)
    token = OpaqueToken.for_refresh()
    async with stores.transaction():
        await stores.sessions.add(session, token)
    return session, token
