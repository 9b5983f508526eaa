"""The contract of `RepositoryAccesses`, on memory and on PostgreSQL."""

from uuid import uuid4

import pytest

from functions.deploy.adapters.postgres_repository_access import PostgresRepositoryAccesses
from functions.deploy.domain.repository_access import AccessToken, DeployKey, HostKey, RepositoryAccess
from functions.deploy.ports import RepositoryAccesses
from tests.adapters.deploy_stores import NOW, Stores, add_application, stores, url
from tests.memory.deploy import MemoryRepositoryAccesses

__all__ = ["stores", "url"]


@pytest.fixture
def accesses(stores: Stores) -> RepositoryAccesses:
    return PostgresRepositoryAccesses(stores.database) if stores.database else MemoryRepositoryAccesses()


async def test_what_is_saved_is_read_replaced_and_deleted(stores: Stores, accesses: RepositoryAccesses) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        assert await accesses.get(application.id) == RepositoryAccess(application.id)
        access = RepositoryAccess(
            application.id,
            DeployKey("ssh-ed25519 AAAA capsule-a", "sealed", NOW),
            AccessToken("https://git.example.com", "x", "sealed too", NOW),
            (HostKey("git.example.com", "ssh-ed25519", "AAAA"),),
        )
        await accesses.save(access)
        assert await accesses.get(application.id) == access
        access.token, access.host_keys = None, ()
        await accesses.save(access)
        assert await accesses.get(application.id) == access
        await accesses.delete(application.id)
        await accesses.delete(uuid4())
        assert await accesses.get(application.id) == RepositoryAccess(application.id)
