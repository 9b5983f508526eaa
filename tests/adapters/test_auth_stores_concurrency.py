"""Concurrency and constraints of the auth database (PostgreSQL only)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    AccountLocked,
)
from functions.auth.domain.session import Device, EndReason, Session
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import User
from functions.auth.ports import EmailTaken
from functions.kernel import Transient, new_id
from tests.adapters.auth_stores import NOW, Stores, in_postgres, new_user, stored_session, stored_user
from tests.servers import Databases


@pytest.fixture(scope="module")
def url(postgres: Databases) -> Iterator[str]:
    yield postgres.database("auth").functions_url


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    async with in_postgres(url) as stores:
        yield stores


async def test_concurrent_registrations_of_one_address_create_one_user(stores: Stores) -> None:
    users = [new_user() for _ in range(4)]

    async def add(user: User) -> str:
        user.email = users[0].email
        async with stores.transaction():
            try:
                await stores.users.add(user)
            except EmailTaken:
                return "taken"
            await asyncio.sleep(0.05)
            return "added"

    assert sorted(await asyncio.gather(*map(add, users))) == ["added", "taken", "taken", "taken"]


async def test_refreshes_of_one_session_run_one_after_the_other(stores: Stores) -> None:
    session, token = await stored_session(stores)

    async def refresh() -> int:
        async with stores.transaction():
            match = await stores.sessions.lock_by_refresh_token(token)
            assert match is not None
            locked, generation = match
            assert locked.refresh(generation, locked.device, NOW) == ()
            await asyncio.sleep(0.02)
            await stores.sessions.save(locked, OpaqueToken.for_refresh())
            return locked.family.grace_uses

    assert sorted(await asyncio.gather(*(refresh() for _ in range(4)))) == [0, 1, 2, 3]
    async with stores.transaction():
        stored = await stores.sessions.lock(session.id)
    assert stored is not None and stored.generation == 2


async def test_a_sign_in_does_not_outrun_the_end_of_all_sessions(stores: Stores) -> None:
    user, is_locked = await stored_user(stores), asyncio.Event()

    async def sign_in() -> None:
        async with stores.transaction():
            await stores.users.lock_unchanged(user)
            is_locked.set()
            await asyncio.sleep(0.05)
            await stores.sessions.add(Session.start(user.id, Device("203.0.113.7", "curl/8"), NOW)[0], OpaqueToken.for_refresh())

    async def end_all() -> int:
        await is_locked.wait()
        async with stores.transaction():
            return len(await stores.sessions.end_all(user.id, EndReason.REVOKED, NOW))

    assert (await asyncio.gather(sign_in(), end_all()))[1] == 1


async def test_a_suspension_during_a_sign_in_is_seen(stores: Stores) -> None:
    user, is_saved = await stored_user(stores), asyncio.Event()

    async def suspend() -> None:
        async with stores.transaction():
            suspended = await stores.users.get(user.id)
            assert suspended is not None
            suspended.suspend("why", NOW)
            await stores.users.save(suspended)
            is_saved.set()
            await asyncio.sleep(0.05)

    async def sign_in() -> None:
        await is_saved.wait()
        async with stores.transaction():
            with pytest.raises(Transient):
                await stores.users.lock_unchanged(user)

    await asyncio.gather(suspend(), sign_in())


async def test_parallel_guesses_cannot_outrun_the_count(stores: Stores) -> None:
    email = Email(f"{new_id().hex}@example.org")

    async def guess() -> int:
        async with stores.transaction():
            failed = await stores.failures.lock(email)
            await asyncio.sleep(0.02)
            failed.add(NOW)
            await stores.failures.save(failed)
            return failed.count

    assert sorted(await asyncio.gather(*(guess() for _ in range(8)))) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_a_login_waits_briefly_for_the_lock_and_its_transaction_stays_usable(stores: Stores) -> None:
    email, user = Email(f"{new_id().hex}@example.org"), new_user()
    async with stores.transaction():
        await stores.failures.lock(email)

        async def another() -> None:
            async with stores.transaction():
                with pytest.raises(AccountLocked) as locked:
                    await stores.failures.lock(email)
                assert locked.value.retry_after == 1
                await stores.users.add(user)

        await asyncio.create_task(in_new_context(another))
    async with stores.transaction(read_only=True):
        assert await stores.users.get(user.id) == user


@pytest.mark.parametrize(
    ("column", "value"), [("email", "Ada@Example.org"), ("password_hash", "plain text"), ("roles", ["king"]), ("roles", []), ("version", 0)]
)
async def test_constraints_reject_invalid_rows(stores: Stores, column: str, value: object) -> None:
    user = await stored_user(stores)
    with pytest.raises(psycopg.errors.CheckViolation):
        async with stores.transaction() as connection:
            await connection.execute(f"UPDATE users SET {column} = %s WHERE id = %s", (value, user.id))


async def test_the_profile_is_read_by_primary_key(stores: Stores) -> None:
    async with stores.transaction(read_only=True) as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        cursor = await connection.execute("EXPLAIN SELECT * FROM users WHERE id = %s", (UUID(int=1),))
        plan = "\n".join(row[0] for row in await cursor.fetchall())
    assert "users_pkey" in plan


async def in_new_context(work: Any) -> None:
    """Run without the open transaction, which a task would inherit from its creator."""
    import contextvars

    await asyncio.get_running_loop().create_task(work(), context=contextvars.Context())
