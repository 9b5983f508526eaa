"""What administrators and notices read and store: users, failed sign-ins, known devices; on memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from functions.auth.adapters.postgres_known_devices import PostgresKnownDevices
from functions.auth.domain.email import Email
from functions.auth.domain.user import Role
from functions.auth.domain.user_agent import UserAgent
from functions.auth.ports import KnownDevices
from tests.adapters.auth_stores import NOW, Stores, in_memory, in_postgres, stored_user
from tests.memory.auth_accounts import MemoryKnownDevices


@pytest.fixture(scope="module")
def url(postgres: object) -> str:
    return str(postgres.database("auth").functions_url)  # type: ignore[attr-defined]


@pytest.fixture(params=["memory", "postgres"])
async def adapters(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Stores, KnownDevices]]:
    if request.param == "memory":
        yield in_memory(), MemoryKnownDevices()
        return
    async with in_postgres(request.getfixturevalue("url")) as stores:
        assert stores.database is not None
        yield stores, PostgresKnownDevices(stores.database)


async def test_users_are_found_by_a_part_of_their_address_or_name(adapters: tuple[Stores, KnownDevices]) -> None:
    stores, _ = adapters
    first, second = await stored_user(stores), await stored_user(stores)
    word = uuid4().hex
    async with stores.transaction():
        first = await stores.users.get(first.id) or first
        first.rename(f"Ada {word.upper()}_%", NOW)
        first.suspend("A reason.", NOW)
        first.roles |= {Role.ADMIN}
        first.email_verified_at = NOW
        await stores.users.save(first)

    async def found(text: str, is_suspended: bool | None = None, **page: object) -> list[object]:
        async with stores.transaction():
            values = {"before": None, "limit": 10} | page
            return [each.id for each in await stores.users.list_page(text, is_suspended=is_suspended, **values)]  # type: ignore[arg-type]

    assert await found(word) == [first.id] and await found(f"{word}_%") == [first.id] and await found(f"%{word}") == []
    assert await found(second.email.upper()) == [second.id]
    assert (await found(""))[:2] == [second.id, first.id] and await found("", limit=1) == [second.id]
    assert (await found("", before=second.id))[0] == first.id
    assert first.id in await found("", True) and first.id not in await found("", False)
    async with stores.transaction():
        stored = await stores.users.get(first.id)
        assert stored is not None and (stored.suspended_at, stored.suspension_reason) == (NOW, "A reason.")
        assert first.id in [each.id for each in await stores.users.list_verified_admins(lock=True)]


async def test_failed_sign_ins_are_read_without_a_lock(adapters: tuple[Stores, KnownDevices]) -> None:
    stores, _ = adapters
    email = Email(f"{uuid4().hex}@example.org")
    async with stores.transaction():
        assert await stores.failures.find(email) is None
        failed_logins = await stores.failures.lock(email)
        failed_logins.add(NOW)
        await stores.failures.save(failed_logins)
    async with stores.transaction(read_only=True):
        found = await stores.failures.find(email)
    assert found == replace(failed_logins)


async def test_a_device_is_new_once_and_not_if_it_is_the_first_one(adapters: tuple[Stores, KnownDevices]) -> None:
    stores, devices = adapters
    user = await stored_user(stores)
    curl, firefox, sessions = UserAgent("curl 8", ""), UserAgent("Firefox 127", "Linux"), [uuid4() for _ in range(4)]
    results = []
    for device, session_id in ((curl, sessions[0]), (firefox, sessions[1]), (firefox, sessions[1]), (firefox, sessions[2]), (curl, sessions[3])):
        async with stores.transaction():
            results.append(await devices.add(user.id, device, session_id, NOW))
    assert results == [False, True, True, False, False], "the same session again is the same answer"
