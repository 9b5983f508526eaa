"""Whether usage is measured: the ports of monitor and of billing, in memory and over PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.billing.adapters.postgres_measurement import PostgresMeasurementState
from functions.billing.ports import MeasurementState
from functions.monitor.adapters.collection import PostgresCollection
from functions.monitor.ports import Collection
from functions.runtime.storage.database import Database
from tests.memory.billing import MemoryMeasurementState
from tests.memory.monitor import MemoryCollection
from tests.servers import Databases

NOW = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
"""After the migration, which counts as a report."""
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest, postgres: Databases) -> AsyncIterator[dict[str, Any]]:
    """Both ports, each with a transaction around its calls."""
    if request.param == "memory":
        memory = MemoryCollection(reported_at=NOW - timedelta(hours=1))
        yield {"collection": (memory, nullcontext), "state": (MemoryMeasurementState(), nullcontext)}
        return
    databases = {name: Database(str(postgres.database(name).functions_url)) for name in ("monitor", "billing")}
    yield {
        "collection": (PostgresCollection(databases["monitor"]), databases["monitor"].transaction),
        "state": (PostgresMeasurementState(databases["billing"]), databases["billing"].transaction),
    }
    for database in databases.values():
        await database.close()


async def test_missing_reports_are_marked_once_and_end_with_the_next(stores: dict[str, Any]) -> None:
    collection: Collection
    collection, transaction = stores["collection"]
    context: AbstractAsyncContextManager[object] = transaction()
    async with context:
        assert await collection.record_report(NOW) is False
        assert await collection.record_report(NOW - MINUTE) is False, "an older one changes nothing"
        assert await collection.mark_missing(NOW) is None, "the last report is not older"
        assert await collection.missing_since() is None
    async with transaction():
        assert await collection.mark_missing(NOW + 25 * MINUTE) == NOW
        assert await collection.mark_missing(NOW + 35 * MINUTE) is None
        assert await collection.missing_since() == NOW
    async with transaction():
        assert await collection.record_report(NOW + 40 * MINUTE) is True
        assert await collection.record_report(NOW + 41 * MINUTE) is False
        assert await collection.missing_since() is None


async def test_the_newest_state_counts(stores: dict[str, Any]) -> None:
    state: MeasurementState
    state, transaction = stores["state"]
    async with transaction():
        assert await state.missing_since() is None
        await state.set(NOW, NOW + 2 * MINUTE)
        await state.set(None, NOW + MINUTE)
        assert await state.missing_since() == NOW
        await state.set(None, NOW + 3 * MINUTE)
        assert await state.missing_since() is None
