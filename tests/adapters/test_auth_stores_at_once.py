"""What only a database has to withstand: several at once, and rows that cannot be."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from functions.auth.domain.email import Email
from functions.auth.domain.rejections import AccountLocked
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import User
from functions.auth.ports import EmailTaken
from functions.kernel import new_id
from tests.adapters.auth_stores import NOW, Stores, in_postgres, somebody, stored_session, stored_user
from tests.servers import Databases


@pytest.fixture(scope="module")
def url(postgres: Databases) -> Iterator[str]:
    yield postgres.database("auth").functions_url


@pytest.fixture
async def real(url: str) -> AsyncIterator[Stores]:
    """PostgreSQL only: what memory has no notion of."""
    async with in_postgres(url) as stores:
        yield stores


async def test_two_registrations_of_one_address_make_one_user(real: Stores) -> None:
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


async def test_refreshes_of_one_session_take_turns(real: Stores) -> None:
    session, token = await stored_session(real)

    async def refresh() -> int:
        async with real.transaction():
            presented = await real.sessions.lock_by_refresh_token(token)
            assert presented is not None
            found, generation = presented
            assert found.refresh(generation, found.device, NOW)
            await asyncio.sleep(0.02)
            await real.sessions.save(found, OpaqueToken.for_refresh())
            return found.family.grace_uses

    assert sorted(await asyncio.gather(*(refresh() for _ in range(4)))) == [0, 1, 2, 3]
    async with real.transaction():
        stored = await real.sessions.lock(session.id)
    assert stored is not None and stored.generation == 2


async def test_parallel_guesses_cannot_outrun_the_count(real: Stores) -> None:
    email = Email(f"{new_id().hex}@example.org")

    async def guess() -> int:
        async with real.transaction():
            failed = await real.failures.lock(email)
            await asyncio.sleep(0.02)
            failed.add(NOW)
            await real.failures.save(failed)
            return failed.count

    assert sorted(await asyncio.gather(*(guess() for _ in range(8)))) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_a_login_does_not_wait_for_long_and_its_transaction_goes_on(real: Stores) -> None:
    email, user = Email(f"{new_id().hex}@example.org"), somebody()
    async with real.transaction():
        await real.failures.lock(email)

        async def another() -> None:
            async with real.transaction():
                with pytest.raises(AccountLocked) as busy:
                    await real.failures.lock(email)
                assert busy.value.retry_after == 1
                await real.users.add(user)

        await asyncio.create_task(outside(another))
    async with real.transaction(read_only=True):
        assert await real.users.get(user.id) == user


@pytest.mark.parametrize(
    ("column", "value"), [("email", "Ada@Example.org"), ("password_hash", "plain text"), ("roles", ["king"]), ("roles", []), ("version", 0)]
)
async def test_the_database_refuses_what_cannot_be(real: Stores, column: str, value: object) -> None:
    user = await stored_user(real)
    with pytest.raises(psycopg.errors.CheckViolation):
        async with real.transaction() as connection:
            await connection.execute(f"UPDATE users SET {column} = %s WHERE id = %s", (value, user.id))


async def test_the_profile_is_one_read_by_the_primary_key(real: Stores) -> None:
    async with real.transaction(read_only=True) as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        cursor = await connection.execute("EXPLAIN SELECT * FROM users WHERE id = %s", (UUID(int=1),))
        plan = "\n".join(row[0] for row in await cursor.fetchall())
    assert "users_pkey" in plan


async def outside(work: Any) -> None:
    """Runs with no transaction of its own yet: a task inherits the open one of who creates it."""
    import contextvars

    await asyncio.get_running_loop().create_task(work(), context=contextvars.Context())
