"""PingSources: their schedules and events."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from knative.local.eventing import ping
from knative.local.eventing.conditions import condition_of
from knative.local.eventing.ping import InvalidSource
from tests.knative.eventing.conftest import Machine, broker, trigger, until
from tests.knative.eventing.test_brokers import CreateSubscriber

PING = "PingSource.sources.knative.dev"


def source(name: str, sink: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "PingSource",
        "metadata": {"name": name, "namespace": "test"},
        "spec": {"schedule": "* * * * * *", "sink": sink, **spec},
    }


@pytest.mark.parametrize(
    ("schedule", "zone", "moment", "expected"),
    [
        ("*/10 * * * *", "", "2026-01-01T00:00:00", "2026-01-01T00:10:00"),
        ("30 6 * * *", "Europe/Berlin", "2026-01-01T00:00:00", "2026-01-01T05:30:00"),
        ("30 6 * * *", "Europe/Berlin", "2026-07-01T00:00:00", "2026-07-01T04:30:00"),
        ("@hourly", "", "2026-01-01T00:10:00", "2026-01-01T01:00:00"),
        ("*/15 * * * * *", "", "2026-01-01T00:00:01", "2026-01-01T00:00:15"),
        ("0 0 * * 0", "", "2026-01-01T00:00:00", "2026-01-04T00:00:00"),
    ],
)
def test_the_next_tick_follows_schedule_and_time_zone(schedule: str, zone: str, moment: str, expected: str) -> None:
    after = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert ping.next_tick(schedule, zone, after) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(("schedule", "zone"), [("often", ""), ("61 * * * *", ""), ("* * * * *", "Mars/Base"), ("@every 5s", "")])
def test_an_invalid_schedule_or_time_zone_is_refused(schedule: str, zone: str) -> None:
    with pytest.raises(InvalidSource):
        ping.next_tick(schedule, zone, datetime.now(UTC))


async def test_events_are_sent_until_the_source_is_deleted(machine: Machine, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    spec = {"data": '{"a":1}', "contentType": "application/json", "ceOverrides": {"extensions": {"function": "billing.every_day"}}}
    machine.apply(source("tick", {"uri": sink.url}, **spec))
    ready = await machine.ready(PING, "tick")
    assert ready["status"]["sinkUri"] == sink.url
    await until(lambda: len(sink.received) >= 2)
    first, second = sink.received[:2]
    assert first.body == b'{"a":1}'
    assert first.headers["content-type"] == "application/json"
    assert first.headers["ce-type"] == "dev.knative.sources.ping"
    assert first.headers["ce-source"] == "/apis/v1/namespaces/test/pingsources/tick"
    assert first.headers["ce-function"] == "billing.every_day"
    assert first.headers["ce-id"] != second.headers["ce-id"]
    machine.store.delete(PING, "test", "tick")
    await until(lambda: ("test", "tick") not in machine.eventing.pings.running)
    await asyncio.sleep(0.2)
    count = len(sink.received)
    await asyncio.sleep(1.6)
    assert count == len(sink.received)


async def test_events_are_sent_to_a_broker_once_it_exists(machine: Machine, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    reference = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "main"}
    machine.apply(source("tick", {"ref": reference}))
    await until(lambda: condition_of(machine.store.get(PING, "test", "tick"), "SinkProvided").status == "False")
    machine.apply(*broker(), trigger("one", sink.url, "dev.knative.sources.ping"))
    await machine.ready(PING, "tick")
    await until(lambda: sink.received)


async def test_an_invalid_schedule_is_reported_in_a_condition(machine: Machine, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    machine.apply(source("bad", {"uri": sink.url}, schedule="sometimes"))
    await until(lambda: condition_of(machine.store.get(PING, "test", "bad")).reason == "InvalidSpec")
    assert not sink.received
