"""The contract of `DataServices` and of the entries that bind them, on memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest

from functions.deploy.adapters.postgres_data_services import PostgresDataServices
from functions.deploy.adapters.postgres_service_tunnels import PostgresServiceTunnels
from functions.deploy.domain.application import Application
from functions.deploy.domain.configuration import Change
from functions.deploy.domain.data_service import GRACE, OVERLAP, DataService, ServiceState
from functions.deploy.domain.data_service_rejections import DataServiceNameTaken, DataServiceNotFound
from functions.deploy.domain.rejections import TicketNotFound
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.domain.service_tunnel import DURATION, ServiceTunnel
from functions.deploy.ports import DataServices, ServiceTunnels
from functions.kernel import Caller
from functions.runtime.storage.database import Database
from tests.adapters.deploy_stores import NOW, Stores, add_application, in_memory, on_postgres, url
from tests.memory.deploy_data_services import MemoryDataServices, MemoryServiceTunnels

__all__ = ["url"]
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["memory", "postgres"])
async def adapters(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Stores, DataServices]]:
    if request.param == "memory":
        stores = in_memory()
        yield stores, MemoryDataServices(stores.applications)
        return
    database = Database(request.getfixturevalue("url"))
    yield on_postgres(database), PostgresDataServices(database)
    await database.close()


def seal(text: str) -> str:
    return f"sealed:{text}"


def ready(application: Application, name: str = "main") -> DataService:
    service, _ = DataService.request(application, name, ServiceKind.POSTGRES, "small", seal, NOW)
    service.complete(seal("postgresql://x"), application.user_id, NOW)
    return service


async def test_a_service_is_read_as_it_was_stored(adapters: tuple[Stores, DataServices]) -> None:
    stores, services = adapters
    application = await add_application(stores)
    service = ready(application)
    async with stores.transaction():
        await services.add(service)
    service.request_rotation(application.user_id, seal, NOW)
    service.complete_rotation(seal("postgresql://y"), application.user_id, NOW)
    async with stores.transaction():
        await services.save(service)
    async with stores.transaction():
        assert await services.get(application.id, service.id) == service == await services.lock_any(service.id)
        assert await services.list_of(application.id) == [service]
        assert service.id in [each.id for each in await services.list_stored(1000, 0)]
        with pytest.raises(DataServiceNotFound):
            await services.get(uuid4(), service.id)
        assert await services.find(uuid4()) is None


async def test_turns_reach_every_database(adapters: tuple[Stores, DataServices]) -> None:
    stores, services = adapters
    application = await add_application(stores)
    own = [ready(application, name) for name in ("one", "two", "three")]
    async with stores.transaction():
        for each in own:
            await services.add(each)
    async with stores.transaction():
        every = {each.id for each in await services.list_stored(1000, 7)}
        turns = [[each.id for each in await services.list_stored(2, turn)] for turn in range(100, 100 + -(-len(every) // 2))]
    assert {each.id for each in own} <= every == {each for turn in turns for each in turn}
    assert all(0 < len(turn) <= 2 for turn in turns)


async def test_a_name_is_free_again_when_its_service_is_purged(adapters: tuple[Stores, DataServices]) -> None:
    stores, services = adapters
    application = await add_application(stores)
    service = ready(application)
    async with stores.transaction():
        await services.add(service)
    with pytest.raises(DataServiceNameTaken):
        async with stores.transaction():
            await services.add(ready(application))
    service.delete(application.user_id, NOW)
    assert service.begin_purge(NOW + GRACE)
    service.complete_purge()
    async with stores.transaction():
        await services.save(service)
        await services.add(ready(application))
    async with stores.transaction():
        assert [each.state for each in await services.list_of(application.id)] == [ServiceState.READY]
        with pytest.raises(DataServiceNotFound):
            await services.lock(application.id, service.id)


async def test_what_is_overdue_is_found(adapters: tuple[Stores, DataServices]) -> None:
    stores, services = adapters
    application = await add_application(stores)
    rotated, deleted, kept = (ready(application, name) for name in ("rotated", "deleted", "kept"))
    rotated.request_rotation(application.user_id, seal, NOW)
    rotated.complete_rotation(seal("y"), application.user_id, NOW)
    deleted.delete(application.user_id, NOW)
    async with stores.transaction():
        for each in (rotated, deleted, kept):
            await services.add(each)

    async def due(after: timedelta) -> set[str]:
        async with stores.transaction():
            return {each.name for each in await services.list_due(NOW + after, 1000) if each.application_id == application.id}

    assert await due(MINUTE) == set()
    assert await due(OVERLAP + MINUTE) == {"rotated"}
    assert await due(GRACE + MINUTE) == {"rotated", "deleted"}


async def test_databases_of_an_account_are_counted(adapters: tuple[Stores, DataServices]) -> None:
    stores, services = adapters
    application, other = await add_application(stores), await add_application(stores)
    cache, _ = DataService.request(application, "cache", ServiceKind.REDIS, "small", seal, NOW)
    deleted = ready(application, "deleted")
    deleted.delete(application.user_id, NOW)
    async with stores.transaction():
        for each in (ready(application), ready(other), cache, deleted):
            await services.add(each)
        assert await services.count_databases_of_account(application.user_id) == (3 if other.user_id == application.user_id else 2)
        assert await services.count_databases_of_account(uuid4()) == 0


async def test_the_url_of_a_service_is_replaced_in_every_version(adapters: tuple[Stores, DataServices]) -> None:
    stores, _ = adapters
    application = await add_application(stores)
    service_id = uuid4()
    async with stores.transaction():
        bound = Change({}, {"DATABASE_URL": "sealed:a"}, frozenset(), service_id, "postgres")
        await stores.configurations.change(application.id, "staging", bound, 1, NOW)
        await stores.configurations.change(application.id, "staging", Change({}, {"KEY": "sealed:k"}, frozenset({"DATABASE_URL"})), 2, NOW)
        await stores.configurations.change(application.id, "production", bound, 3, NOW)
        await stores.configurations.replace_service_url(service_id, "sealed:b")
    async with stores.transaction():
        assert [(each.sealed, each.service_id) for each in await stores.configurations.at(application.id, 1)] == [("sealed:b", service_id)]
        newest = {each.name: (each.sealed, each.service_kind) for each in await stores.configurations.at(application.id, 3)}
    assert newest == {"KEY": ("sealed:k", None), "DATABASE_URL": ("sealed:b", "postgres")}


async def test_a_tunnel_is_found_by_the_hash_of_its_ticket_until_it_ends(adapters: tuple[Stores, DataServices]) -> None:
    stores, services = adapters
    tunnels: ServiceTunnels = PostgresServiceTunnels(stores.database) if stores.database else MemoryServiceTunnels()
    application = await add_application(stores)
    service = ready(application)
    tunnel, ticket = ServiceTunnel.open(service, Caller(application.user_id, session_id=uuid4()), NOW)
    later, _ = ServiceTunnel.open(service, Caller(application.user_id), NOW + DURATION)
    assert ticket.encode() not in tunnel.token_hash
    async with stores.transaction():
        await services.add(service)
        await tunnels.add(tunnel)
        assert await tunnels.find(tunnel.token_hash, NOW + DURATION - MINUTE) == tunnel
        for token_hash, at in ((tunnel.token_hash, NOW + DURATION), (later.token_hash, NOW)):
            with pytest.raises(TicketNotFound):
                await tunnels.find(token_hash, at)
        await tunnels.add(later)
        assert await tunnels.find(later.token_hash, NOW + DURATION) == later
        with pytest.raises(TicketNotFound):
            await tunnels.find(tunnel.token_hash, NOW)
