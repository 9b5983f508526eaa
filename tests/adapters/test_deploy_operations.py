"""The contract of `Operations`, on memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from functions.deploy.adapters.postgres_operations import PostgresOperations
from functions.deploy.domain.operation import MAX_ERROR_LENGTH, Operation, OperationKind
from functions.deploy.ports import Operations
from functions.kernel import OperationState
from functions.runtime.storage.database import Database
from tests.adapters.deploy_stores import NOW, Stores, add_application, in_memory, on_postgres, url
from tests.memory.deploy_operations import MemoryOperations

__all__ = ["url"]
KIND = OperationKind.ENVIRONMENT_DELETION


@dataclass
class Adapters:
    stores: Stores
    operations: Operations

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self.stores.transaction()


@pytest.fixture(params=["memory", "postgres"])
async def adapters(request: pytest.FixtureRequest) -> AsyncIterator[Adapters]:
    if request.param == "memory":
        yield Adapters(in_memory(), MemoryOperations())
        return
    database = Database(request.getfixturevalue("url"))
    yield Adapters(on_postgres(database), PostgresOperations(database))
    await database.close()


async def test_an_operation_is_found_by_its_id_and_by_its_object(adapters: Adapters) -> None:
    application = await add_application(adapters.stores)
    first = Operation.start(KIND, application, "preview", NOW)
    second = Operation.start(KIND, application, "preview", NOW + timedelta(seconds=1))
    whole = Operation.start(OperationKind.APPLICATION_DELETION, application, None, NOW)
    async with adapters.transaction():
        for each in (first, second, whole):
            await adapters.operations.add(each)
    async with adapters.transaction():
        assert await adapters.operations.find(first.id) == first
        assert await adapters.operations.find(uuid4()) is None
        assert await adapters.operations.find_last(KIND, application.id, "preview") == second
        assert await adapters.operations.find_last(KIND, application.id, "other") is None
        assert await adapters.operations.lock_requested(KIND, application.id, "preview", NOW) == first
        assert await adapters.operations.lock_requested(KIND, application.id, "preview", NOW - timedelta(seconds=1)) is None
        assert await adapters.operations.lock_requested(OperationKind.APPLICATION_DELETION, application.id, None, NOW) == whole


async def test_progress_is_stored_and_old_operations_are_deleted(adapters: Adapters) -> None:
    operation = Operation.start(OperationKind.STOP, await add_application(adapters.stores), "staging", NOW)
    async with adapters.transaction():
        await adapters.operations.add(operation)
    operation.record_failure("x" * 2 * MAX_ERROR_LENGTH, NOW, is_last=False)
    operation.record_failure("refused", NOW, is_last=True)
    async with adapters.transaction():
        await adapters.operations.save(operation)
        stored = await adapters.operations.find(operation.id)
    assert stored == operation and (stored.state, stored.attempts, stored.version) == (OperationState.FAILED, 2, 3)
    operation.succeed(NOW)
    async with adapters.transaction():
        await adapters.operations.save(operation)
        await adapters.operations.delete_before(NOW)
        assert await adapters.operations.find(operation.id) == operation
        await adapters.operations.delete_before(NOW + timedelta(seconds=1))
        assert await adapters.operations.find(operation.id) is None


@pytest.mark.parametrize("kind", OperationKind)
async def test_every_kind_is_stored(adapters: Adapters, kind: OperationKind) -> None:
    application = await add_application(adapters.stores)
    operation = Operation.start(kind, application, None if kind is OperationKind.APPLICATION_DELETION else "staging", NOW)
    async with adapters.transaction():
        await adapters.operations.add(operation)
        assert await adapters.operations.find(operation.id) == operation
