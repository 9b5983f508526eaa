"""Events as fast as they can be published: how many a second have had their effect.

Published as contexts publish: persistent, with confirms, MAX_UNCONFIRMED in flight, by the runtime's own `Bus`, from this process. Its CPU is not
that of a system, but it takes its share of the machine from all systems alike.

    one handler       a message for one function: monitor.on_application_created, or the peer's only handler
    through exchange  `application.created` on capsule.events, which its only handler gets, as the peers' does
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from uuid import uuid4

import psycopg

from functions.runtime.messaging.bus import Bus
from functions.runtime.messaging.exchanges import REDELIVERY
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from tests.bench.events import HANDLER, Publication, capsule_events
from tests.bench.meter import Meter, Numbers, host_of
from tests.bench.peers import Peer
from tests.bench.systems import Capsule, System, until

EVENTS_PER_SECOND = 2_000
"""So many events are published for each second of `--seconds`."""
MAX_UNCONFIRMED = 500
DONE_SECONDS = 600
CAPSULE_SQL = "SELECT count(*), extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) FROM inbox WHERE function = %s AND id = ANY(%s)"
PEER_SQL = "SELECT coalesce(sum(apps), 0), extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) FROM users"


def one_handler(system: System, capsule: Capsule, seconds: float) -> Numbers:
    return _measure(system, capsule, seconds, lambda each: replace(each, exchange=REDELIVERY, routing_key=HANDLER))


def through_exchange(system: System, capsule: Capsule, seconds: float) -> Numbers:
    return _measure(system, capsule, seconds, lambda each: each)


def _measure(system: System, capsule: Capsule, seconds: float, addressed: Callable[[Publication], Publication]) -> Numbers:
    """Events per second from the first publish to the last commit, and the CPU of each."""
    capsule, count = host_of(system, capsule), int(EVENTS_PER_SECOND * seconds)
    for number in (200, count):  # the first are the warm-up
        if isinstance(system, Peer):
            publications, finished = _peer_events(system, number), _peer_finished(system, number)
        else:
            events = capsule_events(number)
            publications = [addressed(each) for each in events.values()]
            finished = _capsule_finished(capsule, list(events))
        meter, started_at = Meter(system, capsule), time.time()
        asyncio.run(publish_confirmed(RabbitMQ(capsule.home).url, publications))
        published_at = time.time()
        last = until(finished, DONE_SECONDS, f"for {number} events of {system.name}", poll_seconds=0.2)
    return {"rate": count / (last - started_at), "published": count / (published_at - started_at), **meter.per_item(count)}


async def publish_confirmed(url: str, publications: Sequence[Publication]) -> None:
    """Publish messages as a context does, MAX_UNCONFIRMED at a time."""
    bus, slots = Bus(url, "bench", timeout_seconds=60), asyncio.Semaphore(MAX_UNCONFIRMED)
    bus.open()

    async def publish(each: Publication) -> None:
        async with slots:
            await bus.publish(each.exchange, each.routing_key, each.headers or {}, each.body)

    try:
        await asyncio.gather(*(publish(each) for each in publications))
    finally:
        await bus.close()


def _peer_events(peer: Peer, count: int) -> list[Publication]:
    with psycopg.connect(peer.database) as connection:
        users = [row[0] for row in connection.execute("SELECT id::text FROM users ORDER BY random()")]
    bodies = (json.dumps({"id": str(uuid4()), "appId": str(uuid4()), "userId": user}).encode() for user in islice(cycle(users), count))
    return [Publication(peer.exchange, peer.event, None, body) for body in bodies]


def _peer_finished(peer: Peer, count: int) -> Callable[[], float | None]:
    """Returns the time of the last commit once `count` further events have had their effect."""

    def read() -> tuple[int, float]:
        with psycopg.connect(peer.database) as connection:
            row = connection.execute(PEER_SQL).fetchone()
        assert row is not None
        return int(row[0]), float(row[1])

    before, _ = read()

    def finished() -> float | None:
        handled, last = read()
        return last if handled - before >= count else None

    return finished


def _capsule_finished(capsule: Capsule, ids: Sequence[str]) -> Callable[[], float | None]:
    """Returns the time of the last commit once the handler has handled every message."""

    def finished() -> float | None:
        with psycopg.connect(PostgreSQL(capsule.home).database("monitor").functions_url) as connection:
            row = connection.execute(CAPSULE_SQL, [HANDLER, list(ids)]).fetchone()
        return float(row[1]) if row is not None and row[0] == len(ids) else None

    return finished
