"""Publish events to `capsule.events` or a peer's exchange at a fixed rate, and read when their effects were committed.

PostgreSQL records the time of each commit (`track_commit_timestamp`, which the bench turns on), so the measurement needs no polling, trigger or
clock in the function.
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
from functions.runtime.messaging.exchanges import EVENTS
from functions.wire.cloudevents import new_message
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from tests.bench.peers import Peer
from tests.bench.systems import Capsule, until

HANDLER = "monitor.on_application_created"
Times = dict[str, float]
"""Event id → seconds since the epoch."""


@dataclass(frozen=True)
class Publication:
    """One message to publish."""

    exchange: str
    routing_key: str
    headers: dict[str, str] | None
    body: bytes


def capsule_events(count: int) -> dict[str, Publication]:
    """New `application.created` events by message id."""
    publications = {}
    for number in range(count):
        event = ApplicationCreated(application_id=uuid4(), user_id=uuid4(), name=f"bench-{number}", at=datetime.now(UTC))
        body = event.model_dump_json(by_alias=True).encode()
        message = new_message(event.type, "/capsule/bench", body, datetime.now(UTC), subject=event.subject_id, sequence="1", dataversion="1")
        publications[message.id] = Publication(EVENTS, event.type, message.headers(), body)
    return publications


def peer_events(peer: Peer, count: int) -> dict[str, Publication]:
    """Events for distinct users, by user id: the effect of an event is an update of that user's row."""
    with psycopg.connect(peer.database) as connection:
        users = [row[0] for row in connection.execute("SELECT id::text FROM users ORDER BY random() LIMIT %s", [count])]
    bodies = {user: json.dumps({"id": str(uuid4()), "appId": str(uuid4()), "userId": user}).encode() for user in users}
    return {user: Publication(peer.exchange, peer.event, None, body) for user, body in bodies.items()}


def publish(capsule: Capsule, publications: dict[str, Publication], rate: float | None) -> Times:
    """Publish at `rate` events per second, or as fast as possible. Returns the time of each publish."""
    sent: Times = {}
    with pika.BlockingConnection(pika.URLParameters(RabbitMQ(capsule.home).url)) as connection:
        channel = connection.channel()
        started_at = time.perf_counter()
        for number, (name, publication) in enumerate(publications.items()):
            if rate is not None and (wait_seconds := started_at + number / rate - time.perf_counter()) > 0:
                time.sleep(wait_seconds)
            properties = pika.BasicProperties(headers=publication.headers, delivery_mode=2, content_type="application/json")
            sent[name] = time.time()
            channel.basic_publish(publication.exchange, publication.routing_key, publication.body, properties)
    return sent


def committed(capsule: Capsule, names: Sequence[str], function: str = HANDLER, context: str = "monitor") -> Times:
    """Commit times of these messages' executions by a function."""
    return _commits(
        PostgreSQL(capsule.home).database(context).functions_url,
        "SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM inbox WHERE function = %s AND id = ANY(%s)",
        [function, list(names)],
    )


def committed_by_peer(peer: Peer, names: Sequence[str], since: float) -> Times:
    """Commit times of the updates of these users."""
    committed_at = "extract(epoch FROM pg_xact_commit_timestamp(xmin))"
    statement = f"SELECT id::text, {committed_at} FROM users WHERE id = ANY(%s::uuid[]) AND {committed_at} >= %s"
    return _commits(peer.database, statement, [list(names), since])


def _commits(url: str, statement: str, parameters: Sequence[object]) -> Times:
    with psycopg.connect(url) as connection:
        return {row[0]: float(row[1]) for row in connection.execute(statement, parameters)}


def latencies(sent: Times, find_commits: Callable[[], Times], timeout_seconds: float) -> list[float]:
    """Milliseconds from publish to commit, sorted. Waits until every event has had its effect."""
    commits = until(lambda: found if len(found := find_commits()) == len(sent) else None, timeout_seconds, f"for the effects of {len(sent)} events")
    return sorted((commits[name] - at) * 1000 for name, at in sent.items())
