"""Events, published straight to `capsule.events` (or a peer's exchange) at a fixed rate, and when their effects were committed.

PostgreSQL keeps the time of each commit (`track_commit_timestamp`, which the bench turns on): no polling, no trigger and no clock of the function's
stands between an effect and its time.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pika
import psycopg

from events.deploy import ApplicationCreated
from functions.runtime.messaging.bus import EVENTS
from functions.wire.cloudevents import new_message
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from tests.bench.systems import Capsule, Peer, until

HANDLER = "monitor.on_application_created"
Times = dict[str, float]
"""event → seconds since the epoch"""


@dataclass(frozen=True)
class Publication:
    exchange: str
    routing_key: str
    headers: dict[str, str] | None
    body: bytes


def of_capsule(count: int) -> dict[str, Publication]:
    found = {}
    for number in range(count):
        event = ApplicationCreated(application_id=uuid4(), user_id=uuid4(), name=f"bench-{number}", at=datetime.now(UTC))
        body = event.model_dump_json(by_alias=True).encode()
        message = new_message(event.type, "/capsule/bench", body, datetime.now(UTC), subject=event.subject_id, sequence="1", dataversion="1")
        found[message.id] = Publication(EVENTS, event.type, message.headers(), body)
    return found


def of_peer(peer: Peer, count: int) -> dict[str, Publication]:
    """Each for another user: the effect is that user's row."""
    with psycopg.connect(peer.database) as connection:
        users = [row[0] for row in connection.execute("SELECT id::text FROM users ORDER BY random() LIMIT %s", [count])]
    return {user: Publication("peer.events", peer.event, None, json.dumps({"appId": str(uuid4()), "userId": user}).encode()) for user in users}


def publish(capsule: Capsule, publications: dict[str, Publication], rate: float | None) -> Times:
    """In the order given, at that rate or as fast as it goes; when each was handed to RabbitMQ."""
    sent: Times = {}
    with pika.BlockingConnection(pika.URLParameters(RabbitMQ(capsule.home).url)) as connection:
        channel = connection.channel()
        began = time.perf_counter()
        for number, (name, times) in enumerate(publications.items()):
            if rate is not None and (early := began + number / rate - time.perf_counter()) > 0:
                time.sleep(early)
            properties = pika.BasicProperties(headers=times.headers, delivery_mode=2, content_type="application/json")
            sent[name] = time.time()
            channel.basic_publish(times.exchange, times.routing_key, times.body, properties)
    return sent


def committed(capsule: Capsule, names: Sequence[str], function: str = HANDLER, context: str = "monitor") -> Times:
    return _commits(
        PostgreSQL(capsule.home).database(context).functions_url,
        "SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM inbox WHERE function = %s AND id = ANY(%s)",
        [function, list(names)],
    )


def committed_by_peer(peer: Peer, names: Sequence[str], since: float) -> Times:
    when = "extract(epoch FROM pg_xact_commit_timestamp(xmin))"
    statement = f"SELECT id::text, {when} FROM users WHERE id = ANY(%s::uuid[]) AND {when} >= %s"
    return _commits(peer.database, statement, [list(names), since])


def _commits(url: str, statement: str, parameters: Sequence[object]) -> Times:
    with psycopg.connect(url) as connection:
        return {row[0]: float(row[1]) for row in connection.execute(statement, parameters)}


def latencies(sent: Times, look: Callable[[], Times], timeout_seconds: float) -> list[float]:
    """Milliseconds, sorted, once every event has had its effect."""
    seen = until(lambda: found if len(found := look()) == len(sent) else None, timeout_seconds, f"for the effects of {len(sent)} events")
    return sorted((seen[name] - at) * 1000 for name, at in sent.items())
