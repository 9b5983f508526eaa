"""The moment that a backup is of: snapshots of all contexts' databases while no message is on its way.

An event lives in the outbox of one database, then in a queue, then in the inbox of another. Snapshots that were taken while it is in a queue have it
in neither. So the queues and outboxes must be empty just before and just after the snapshots are taken, which takes milliseconds; Capsule goes on
serving. Messages that wait in the delay exchange are counted apart: reminders are repeated by housekeeping from rows, but a retry of an event that
waits there is in no database and is lost by a restore.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg

from knative.machine.backup.databases import dump_url
from knative.machine.backup.parts import Moment
from knative.machine.home import CONTEXTS, Home
from knative.machine.rabbitmq import RabbitMQ

MAX_WAIT_SECONDS = 30.0
POLL_SECONDS = 0.2
DELAYS = "capsule.delay."
NOBODYS = ("capsule.unroutable",)
"""Queues whose messages no function handles."""


@contextmanager
def moment(home: Home, wait_seconds: float = MAX_WAIT_SECONDS) -> Iterator[Moment]:
    """Yield the snapshots, which are valid while the body runs. After `wait_seconds` the best that was found."""
    deadline = time.monotonic() + wait_seconds
    while True:
        before, _ = _in_flight(home)
        with ExitStack() as stack:
            if before == 0 or time.monotonic() > deadline:
                snapshots = {context: _snapshot(stack, dump_url(home, context)) for context in CONTEXTS}
                after, delayed = _in_flight(home)
                if max(before, after) == 0 or time.monotonic() > deadline:
                    yield Moment(snapshots, max(before, after), delayed)
                    return
        time.sleep(POLL_SECONDS)


def _snapshot(stack: ExitStack, url: str) -> str:
    connection = stack.enter_context(psycopg.connect(url, connect_timeout=10))
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    if connection.info.server_version >= 170000:
        connection.execute("SET LOCAL transaction_timeout = 0")
    row = connection.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None
    return str(row[0])


def _in_flight(home: Home) -> tuple[int, int]:
    """Messages that somebody is to handle now, with the events in outboxes, and messages in the delay exchange.

    Queues of an operator's RabbitMQ are not seen: only the outboxes are.
    """
    count, delayed = 0, 0
    if not home.external_amqp_url:
        for queue in RabbitMQ(home).management("GET", "/api/queues"):
            waiting = queue.get("messages_ready", 0) + queue.get("messages_unacknowledged", 0)
            if queue["name"].startswith(DELAYS):
                delayed += waiting
            elif queue["name"] not in NOBODYS:
                count += waiting
    for context in CONTEXTS:
        with psycopg.connect(dump_url(home, context), connect_timeout=10) as connection:
            row = connection.execute("SELECT count(*) FROM outbox").fetchone()
            count += int(row[0]) if row else 0
    return count, delayed
