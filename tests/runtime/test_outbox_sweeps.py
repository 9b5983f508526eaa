"""A message that stays in the outbox is published by a sweep, also while one is under way that comes too early for it."""

import asyncio
from datetime import UTC, datetime

import pytest

from functions.runtime.messaging.bus import Bus
from functions.runtime.messaging.exchanges import EVENTS
from functions.runtime.reliability import outbox, outbox_publisher
from functions.runtime.reliability.outbox_publisher import OutboxPublisher
from functions.runtime.storage.database import Database
from functions.wire.cloudevents import new_message
from functions.wire.tracing import NO_TRACER
from tests.runtime.harness import World, until


async def test_a_sweep_that_comes_too_early_for_a_message_is_followed_by_another(fresh_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_publisher, "SWEEP_AFTER_SECONDS", 1.0)
    world = fresh_world
    bus, database = Bus(world.amqp, "sweeps"), Database(world.database)
    bus.open()
    publisher = OutboxPublisher(bus, database, NO_TRACER)
    ages: list[float] = []
    original = publisher.sweep

    async def sweep() -> int:
        [age] = await asyncio.to_thread(world.rows, "SELECT extract(epoch FROM now() - min(created_at)) FROM outbox")
        ages.append(-1.0 if age[0] is None else float(age[0]))
        return await original()

    monkeypatch.setattr(publisher, "sweep", sweep)
    try:
        publisher.sweep_soon()
        await asyncio.sleep(1.6)
        async with database.transaction() as connection:
            message = new_message("probe.noted", "/test", b"{}", datetime.now(UTC))
            outbox.enqueue(connection, [outbox.pending_message(EVENTS, "probe.noted", message)])
        publisher.sweep_soon()
        await asyncio.to_thread(until, lambda: world.count("outbox") == 0, why="for the message to be published")
        assert world.take("events") is not None
        assert max(ages) > 1.0, ages
    finally:
        await publisher.close()
        await database.close()
        await bus.close()
