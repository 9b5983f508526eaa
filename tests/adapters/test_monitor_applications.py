"""The contract of monitor's `Applications`, on memory and on PostgreSQL: owners, names, environments, and what is forgotten."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from functions.kernel import new_id
from functions.monitor.adapters.postgres import PostgresApplications
from functions.monitor.domain.applications import PLATFORM, Application
from functions.monitor.domain.markers import Marker, MarkerKind
from functions.runtime.storage.database import Database
from tests.adapters.monitor_databases import Store, monitor_database, stored
from tests.servers import Databases

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def urls() -> dict[str, str]:
    return {}


@pytest.fixture(params=["memory", "native"])
async def store(request: pytest.FixtureRequest, urls: dict[str, str], postgres: Databases) -> AsyncIterator[Store]:
    async with stored(postgres, request.param, urls) as store:
        yield store


def application(name: str = "hello", *, owner: UUID | None = None, deleted_at: datetime | None = None) -> Application:
    return Application(new_id(), owner or new_id(), name, deleted_at)


async def keep(store: Store, *applications: Application) -> None:
    async with store.transaction():
        for each in applications:
            await store.applications.keep([each])


async def test_an_unknown_application_is_none_and_the_platform_is_known(store: Store) -> None:
    async with store.transaction():
        assert await store.applications.find(new_id()) is None
        platform = await store.applications.find(PLATFORM.id)
        assert platform is not None and platform.is_platform
        assert list(await store.applications.environments(new_id())) == []
        assert list(await store.applications.of_teams([new_id()])) == []


async def test_the_applications_of_a_team_include_deleted_ones(store: Store) -> None:
    owner = new_id()
    running, deleted, foreign = application(owner=owner), application(owner=owner, deleted_at=NOW), application()
    await keep(store, running, deleted, foreign)
    async with store.transaction():
        found = await store.applications.of_teams([owner])
    assert sorted(found, key=lambda each: each.id) == sorted([running, deleted], key=lambda each: each.id)


async def test_a_creation_changes_neither_owner_nor_name_of_a_known_application(store: Store) -> None:
    known = application("first")
    await keep(store, known, Application(known.id, new_id(), "second"))
    async with store.transaction():
        assert await store.applications.find(known.id) == known


async def test_a_deletion_before_the_creation_is_kept_with_its_first_time(store: Store) -> None:
    deleted = application(deleted_at=NOW)
    later = Application(deleted.id, deleted.user_id, deleted.name, NOW + MINUTE)
    await keep(store, deleted, Application(deleted.id, deleted.user_id, deleted.name), later)
    async with store.transaction():
        assert await store.applications.find(deleted.id) == deleted


async def test_a_deleted_application_can_be_renamed_and_stays_deleted(store: Store) -> None:
    deleted = application("former", deleted_at=NOW)
    await keep(store, deleted)
    async with store.transaction():
        await store.applications.rename(Application(deleted.id, deleted.user_id, "new"))
        assert await store.applications.find(deleted.id) == Application(deleted.id, deleted.user_id, "new", NOW)


async def test_those_that_are_known_are_found_also_when_locked(store: Store) -> None:
    known, unknown = application(), new_id()
    await keep(store, known)
    async with store.transaction():
        assert await store.applications.find_many([known.id, unknown, known.id]) == {known.id: known}
        assert await store.applications.lock_known([unknown, known.id]) == {known.id: known}
        assert await store.applications.lock_known([]) == await store.applications.find_many([]) == {}
        await store.applications.lock([])


async def test_environments_are_those_that_were_created_or_deployed_to(store: Store) -> None:
    first, second = application(), application()
    await keep(store, first, second)
    async with store.transaction():
        for name in ("review", "preview7", "review"):
            await store.applications.record_environment(first.id, name, is_deleted=False, at=NOW)
        await store.applications.record_environment(second.id, "other", is_deleted=False, at=NOW)
        for environment in ("old", "review"):
            await store.markers.add(Marker(new_id(), MarkerKind.FAILED, first.id, environment, NOW, None, "build-failed"))
    async with store.transaction():
        assert sorted(await store.applications.environments(first.id)) == ["old", "preview7", "review"]
        assert sorted(await store.applications.environments(second.id)) == ["other"]


async def test_the_last_change_of_an_environment_counts_in_whatever_order_events_arrive(store: Store) -> None:
    first = application()
    await keep(store, first)
    changes = [("review", True, 2), ("review", False, 1), ("again", False, 3), ("again", True, 2), ("kept", False, 1), ("staging", True, 1)]
    async with store.transaction():
        for name, is_deleted, minute in changes:
            await store.applications.record_environment(first.id, name, is_deleted=is_deleted, at=NOW + minute * MINUTE)
    async with store.transaction():
        assert sorted(await store.applications.deleted_environments(first.id)) == ["review", "staging"]
        assert sorted(await store.applications.environments(first.id)) == ["again", "kept", "review", "staging"], "deleted ones stay readable"


async def test_an_environment_may_be_reported_before_its_application(store: Store) -> None:
    late = application()
    async with store.transaction():
        await store.applications.record_environment(late.id, "review", is_deleted=False, at=NOW)
    await keep(store, late)
    async with store.transaction():
        assert list(await store.applications.environments(late.id)) == ["review"]


async def test_a_forgotten_application_takes_its_environments_with_it(store: Store) -> None:
    long_ago = NOW - timedelta(days=9000)  # no other test has one that was deleted then
    gone, kept = application(deleted_at=long_ago), application(deleted_at=NOW)
    await keep(store, gone, kept)
    async with store.transaction():
        for each in (gone, kept):
            await store.applications.record_environment(each.id, "review", is_deleted=False, at=NOW)
        assert await store.applications.forget_deleted(long_ago) == 0, "deleted at that time is not before it"
        assert await store.applications.forget_deleted(long_ago + MINUTE) == 1
    async with store.transaction():
        assert await store.applications.find(gone.id) is None
        assert list(await store.applications.environments(gone.id)) == []
        assert list(await store.applications.environments(kept.id)) == ["review"]


async def test_an_unknown_owner_stays_unknown_until_the_transaction_ends(postgres: Databases) -> None:
    database = Database(monitor_database(postgres, "native").functions_url)
    applications, late, looked = PostgresApplications(database), application(), asyncio.Event()
    order: list[str] = []

    async def look() -> None:
        async with database.transaction():
            assert await applications.lock_known([late.id]) == {}
            looked.set()
            await asyncio.sleep(0.2)
            assert await applications.find_many([late.id]) == {}
            order.append("looked")

    async def create() -> None:
        await looked.wait()
        async with database.transaction():
            await applications.lock([late.id])
            await applications.keep([late])
        order.append("created")

    try:
        await asyncio.gather(look(), create())
    finally:
        await database.close()
    assert order == ["looked", "created"]


async def test_the_last_transfer_counts_in_any_order_and_an_erased_name_is_known_again(store: Store) -> None:
    known, last, middle = application("shop"), new_id(), new_id()
    await keep(store, known)
    async with store.transaction():
        await store.erasures.erase(known.id)
        await store.applications.transfer(Application(known.id, last, "shop"), NOW)
        await store.applications.transfer(Application(known.id, middle, "former"), NOW - MINUTE)
        assert await store.applications.find(known.id) == Application(known.id, last, "shop")
        await store.applications.transfer(Application(known.id, middle, "former"), NOW + MINUTE)
        assert await store.applications.find(known.id) == Application(known.id, middle, "shop")
