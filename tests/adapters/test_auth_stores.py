"""One suite over memory and over PostgreSQL: what the use cases may rely on, whichever is behind their ports."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from functions.auth.adapters import memory
from functions.auth.adapters.postgres_sessions import PostgresSessions
from functions.auth.adapters.postgres_tokens import PostgresLoginFailures, PostgresSentMails, PostgresVerificationTokens
from functions.auth.adapters.postgres_users import PostgresUsers
from functions.auth.domain.email import Email
from functions.auth.domain.lockout import FailedLogins
from functions.auth.domain.mails import MailKind, SentMail
from functions.auth.domain.rejections import AccountLocked
from functions.auth.domain.session import Device, EndReason, Session
from functions.auth.domain.tokens import REMEMBERED, OpaqueToken, VerificationToken
from functions.auth.domain.user import Role, User
from functions.auth.ports import EmailTaken, LoginFailures, SentMails, Sessions, Users, VerificationTokens
from functions.kernel import Transient, new_id
from functions.runtime.database import Database
from tests.servers import Databases

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA"


@dataclass
class Stores:
    users: Users
    sessions: Sessions
    verifications: VerificationTokens
    sent_mails: SentMails
    failures: LoginFailures
    database: Database | None = None

    def transaction(self, read_only: bool = False) -> AbstractAsyncContextManager[Any]:
        return self.database.transaction(read_only=read_only) if self.database else nothing()


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    yield


@pytest.fixture(scope="module")
def url(postgres: Databases) -> Iterator[str]:
    yield postgres.database("auth").functions_url


@asynccontextmanager
async def in_postgres(url: str) -> AsyncIterator[Stores]:
    database = Database(url)
    try:
        yield Stores(
            PostgresUsers(database),
            PostgresSessions(database),
            PostgresVerificationTokens(database),
            PostgresSentMails(database),
            PostgresLoginFailures(database, turn=timedelta(milliseconds=300)),
            database,
        )
    finally:
        await database.close()


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    if request.param == "memory":
        yield Stores(
            memory.MemoryUsers(),
            memory.MemorySessions(),
            memory.MemoryVerificationTokens(),
            memory.MemorySentMails(),
            memory.MemoryLoginFailures(),
        )
        return
    async with in_postgres(request.getfixturevalue("url")) as stores:
        yield stores


@pytest.fixture
async def real(url: str) -> AsyncIterator[Stores]:
    """PostgreSQL only: what memory has no notion of."""
    async with in_postgres(url) as stores:
        yield stores


def somebody() -> User:
    return User.register(Email(f"user-{new_id().hex}@example.org"), HASH, NOW)


async def stored_user(stores: Stores) -> User:
    user = somebody()
    async with stores.transaction():
        await stores.users.add(user)
    return user


async def stored_session(stores: Stores, at: datetime = NOW) -> tuple[Session, OpaqueToken]:
    user = await stored_user(stores)
    session, token = Session.start(user.id, Device("203.0.113.7", "curl/8"), at), OpaqueToken.for_refresh()
    async with stores.transaction():
        await stores.sessions.add(session, token)
    return session, token


class TestUsers:
    async def test_a_user_comes_back_as_it_was_added(self, stores: Stores) -> None:
        user = somebody()
        user.roles = frozenset({Role.USER, Role.ADMIN})
        async with stores.transaction():
            await stores.users.add(user)
        async with stores.transaction(read_only=True):
            assert await stores.users.get(user.id) == user
            assert await stores.users.by_email(Email(user.email.upper())) == user

    async def test_nobody_is_none(self, stores: Stores) -> None:
        async with stores.transaction(read_only=True):
            assert await stores.users.get(new_id()) is None
            assert await stores.users.by_email(Email("nobody@example.org")) is None

    async def test_an_address_belongs_to_one_and_the_transaction_goes_on(self, stores: Stores) -> None:
        first, second, other = somebody(), somebody(), somebody()
        second.email = first.email
        async with stores.transaction():
            await stores.users.add(first)
            with pytest.raises(EmailTaken):
                await stores.users.add(second)
            await stores.users.add(other)
        async with stores.transaction(read_only=True):
            assert await stores.users.get(second.id) is None
            assert await stores.users.get(other.id) == other

    async def test_saving_counts_versions_and_refuses_a_stale_one(self, stores: Stores) -> None:
        user = await stored_user(stores)
        async with stores.transaction():
            stale = await stores.users.get(user.id)
            user.verify_email(NOW + timedelta(minutes=1))
            await stores.users.save(user)
        assert stale is not None and user.version == 2
        async with stores.transaction(read_only=True):
            assert await stores.users.get(user.id) == user
        with pytest.raises(Transient):
            async with stores.transaction():
                await stores.users.save(stale)

    async def test_a_hash_is_replaced_unless_it_was_changed_meanwhile(self, stores: Stores) -> None:
        user = await stored_user(stores)
        async with stores.transaction():
            await stores.users.rehash(user.id, HASH + "else", HASH + "new")
            kept = await stores.users.get(user.id)
            await stores.users.rehash(user.id, HASH, HASH + "new")
            replaced = await stores.users.get(user.id)
        assert kept is not None and replaced is not None
        assert (kept.password_hash, replaced.password_hash) == (HASH, HASH + "new")


class TestSessions:
    async def test_a_session_comes_back_by_its_token_with_the_generation(self, stores: Stores) -> None:
        session, token = await stored_session(stores)
        async with stores.transaction():
            assert await stores.sessions.presenting(token) == (session, 1)
            assert await stores.sessions.get(session.id) == session
            assert await stores.sessions.presenting(OpaqueToken.for_refresh()) is None
            assert await stores.sessions.get(new_id()) is None

    async def test_every_token_of_a_session_is_remembered(self, stores: Stores) -> None:
        session, first = await stored_session(stores)
        second = OpaqueToken.for_refresh()
        assert session.refresh(1, Device("2001:db8::1", "firefox"), NOW + timedelta(minutes=1))
        async with stores.transaction():
            await stores.sessions.save(session, second)
        async with stores.transaction():
            assert await stores.sessions.presenting(first) == (session, 1)
            assert await stores.sessions.presenting(second) == (session, 2)

    async def test_an_end_is_kept(self, stores: Stores) -> None:
        session, token = await stored_session(stores)
        session.end(EndReason.LOGGED_OUT, NOW)
        async with stores.transaction():
            await stores.sessions.save(session)
        async with stores.transaction():
            assert await stores.sessions.presenting(token) == (session, 1)

    async def test_what_is_long_over_is_forgotten(self, stores: Stores) -> None:
        alive, alive_token = await stored_session(stores)
        ended, ended_token = await stored_session(stores)
        ended.end(EndReason.LOGGED_OUT, NOW)
        async with stores.transaction():
            await stores.sessions.save(ended)
            await stores.sessions.prune(NOW + REMEMBERED)
            assert await stores.sessions.presenting(ended_token) is not None
            assert await stores.sessions.prune(NOW + REMEMBERED + timedelta(seconds=1)) >= 1
            assert await stores.sessions.presenting(ended_token) is None
            assert await stores.sessions.presenting(alive_token) is not None
            await stores.sessions.prune(alive.expires_at + REMEMBERED + timedelta(seconds=1))
            assert await stores.sessions.presenting(alive_token) is None


class TestVerificationTokens:
    async def test_the_same_intent_twice_is_once(self, stores: Stores) -> None:
        user, intent, token = await stored_user(stores), new_id(), OpaqueToken(f"cpv_{new_id()}")
        async with stores.transaction():
            await stores.verifications.add(VerificationToken.minted(intent, user.id, token, NOW))
            await stores.verifications.add(VerificationToken.minted(intent, user.id, token, NOW + timedelta(hours=1)))
            found = await stores.verifications.find(token)
        assert found == VerificationToken.minted(intent, user.id, token, NOW)

    async def test_use_is_kept_and_age_ends_it(self, stores: Stores) -> None:
        user, token = await stored_user(stores), OpaqueToken(f"cpv_{new_id()}")
        minted = VerificationToken.minted(new_id(), user.id, token, NOW)
        async with stores.transaction():
            await stores.verifications.add(minted)
            minted.use(NOW)
            await stores.verifications.save(minted)
            assert await stores.verifications.find(token) == minted
            await stores.verifications.prune(minted.expires_at + REMEMBERED)
            assert await stores.verifications.find(token) == minted
            await stores.verifications.prune(minted.expires_at + REMEMBERED + timedelta(seconds=1))
            assert await stores.verifications.find(token) is None


class TestSentMails:
    async def test_mails_are_counted_by_user_kind_and_time(self, stores: Stores) -> None:
        user, other = await stored_user(stores), await stored_user(stores)
        mails = [
            SentMail(new_id(), user.id, MailKind.VERIFICATION, NOW),
            SentMail(new_id(), user.id, MailKind.VERIFICATION, NOW + timedelta(minutes=1)),
            SentMail(new_id(), user.id, MailKind.REGISTRATION_REPEATED, NOW + timedelta(minutes=1)),
            SentMail(new_id(), other.id, MailKind.VERIFICATION, NOW + timedelta(minutes=1)),
        ]
        async with stores.transaction():
            for mail in [*mails, mails[1]]:
                await stores.sent_mails.add(mail)
            assert await stores.sent_mails.count(user.id, MailKind.VERIFICATION, NOW - timedelta(seconds=1)) == 2
            assert await stores.sent_mails.count(user.id, MailKind.VERIFICATION, NOW) == 1
            await stores.sent_mails.prune(NOW + REMEMBERED + timedelta(seconds=1))
            assert await stores.sent_mails.count(user.id, MailKind.VERIFICATION, NOW - timedelta(seconds=1)) == 1


class TestLoginFailures:
    async def test_failures_are_kept_and_cleared(self, stores: Stores) -> None:
        email = Email(f"{new_id().hex}@example.org")
        async with stores.transaction():
            failed = await stores.failures.of(email)
            assert failed == FailedLogins(FailedLogins.key(email))
            for _ in range(6):
                failed.add(NOW)
            await stores.failures.save(failed)
        async with stores.transaction():
            again = await stores.failures.of(email)
            assert again == failed
            again.clear()
            await stores.failures.save(again)
        async with stores.transaction():
            assert await stores.failures.of(email) == FailedLogins(FailedLogins.key(email))

    async def test_age_ends_them(self, stores: Stores) -> None:
        email = Email(f"{new_id().hex}@example.org")
        async with stores.transaction():
            failed = await stores.failures.of(email)
            failed.add(NOW)
            await stores.failures.save(failed)
            await stores.failures.prune(NOW + timedelta(hours=24))
            assert (await stores.failures.of(email)).count == 1
            await stores.failures.prune(NOW + timedelta(hours=24, seconds=1))
            assert (await stores.failures.of(email)).count == 0


class TestAtOnce:
    """What only a database has to withstand."""

    async def test_two_registrations_of_one_address_make_one_user(self, real: Stores) -> None:
        users = [somebody() for _ in range(4)]

        async def add(user: User) -> str:
            user.email = users[0].email
            async with real.transaction():
                try:
                    await real.users.add(user)
                except EmailTaken:
                    return "taken"
                await asyncio.sleep(0.05)
                return "added"

        assert sorted(await asyncio.gather(*map(add, users))) == ["added", "taken", "taken", "taken"]

    async def test_refreshes_of_one_session_take_turns(self, real: Stores) -> None:
        session, token = await stored_session(real)

        async def refresh() -> int:
            async with real.transaction():
                presented = await real.sessions.presenting(token)
                assert presented is not None
                found, generation = presented
                assert found.refresh(generation, found.device, NOW)
                await asyncio.sleep(0.02)
                await real.sessions.save(found, OpaqueToken.for_refresh())
                return found.family.grace_uses

        assert sorted(await asyncio.gather(*(refresh() for _ in range(4)))) == [0, 1, 2, 3]
        async with real.transaction():
            stored = await real.sessions.get(session.id)
        assert stored is not None and stored.generation == 2

    async def test_parallel_guesses_cannot_outrun_the_count(self, real: Stores) -> None:
        email = Email(f"{new_id().hex}@example.org")

        async def guess() -> int:
            async with real.transaction():
                failed = await real.failures.of(email)
                await asyncio.sleep(0.02)
                failed.add(NOW)
                await real.failures.save(failed)
                return failed.count

        assert sorted(await asyncio.gather(*(guess() for _ in range(8)))) == [1, 2, 3, 4, 5, 6, 7, 8]

    async def test_a_login_does_not_wait_for_long_and_its_transaction_goes_on(self, real: Stores) -> None:
        email, user = Email(f"{new_id().hex}@example.org"), somebody()
        async with real.transaction():
            await real.failures.of(email)

            async def another() -> None:
                async with real.transaction():
                    with pytest.raises(AccountLocked) as busy:
                        await real.failures.of(email)
                    assert busy.value.retry_after == 1
                    await real.users.add(user)

            await asyncio.create_task(outside(another))
        async with real.transaction(read_only=True):
            assert await real.users.get(user.id) == user

    @pytest.mark.parametrize(
        ("column", "value"), [("email", "Ada@Example.org"), ("password_hash", "plain text"), ("roles", ["king"]), ("roles", []), ("version", 0)]
    )
    async def test_the_database_refuses_what_cannot_be(self, real: Stores, column: str, value: object) -> None:
        user = await stored_user(real)
        with pytest.raises(psycopg.errors.CheckViolation):
            async with real.transaction() as connection:
                await connection.execute(f"UPDATE users SET {column} = %s WHERE id = %s", (value, user.id))

    async def test_the_profile_is_one_read_by_the_primary_key(self, real: Stores) -> None:
        async with real.transaction(read_only=True) as connection:
            await connection.execute("SET LOCAL enable_seqscan = off")
            cursor = await connection.execute("EXPLAIN SELECT * FROM users WHERE id = %s", (UUID(int=1),))
            plan = "\n".join(row[0] for row in await cursor.fetchall())
        assert "users_pkey" in plan


async def outside(work: Any) -> None:
    """Runs with no transaction of its own yet: a task inherits the open one of who creates it."""
    import contextvars

    await asyncio.get_running_loop().create_task(work(), context=contextvars.Context())
