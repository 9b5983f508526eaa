"""A function as its context's own RabbitMQ user: its work goes on, and what RabbitMQ refuses stays in the outbox and holds up nothing."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pika
import psycopg
import pytest

from events.auth import UserCreated
from events.billing import InvoiceIssued
from functions.describe.rabbitmq_permissions import TO_FUNCTIONS, exactly
from functions.runtime.execution.context import FunctionContext, UndeclaredEvent
from tests.runtime.harness import Worker, World, until, worlds
from tests.runtime.messages import deposited, message

EVENTS_OF_PROBE = ("probe.deposited", "probe.noted", "probe.renamed", "probe.check-later")


@pytest.fixture
def world(postgres: Any, rabbitmq: Any, tmp_path: Path) -> Iterator[World]:
    yield from worlds(postgres, rabbitmq.vhost(), tmp_path)


@pytest.fixture
def worker(world: World, rabbitmq: Any) -> Iterator[Worker]:
    """As a user with the permissions of the context `probe`."""
    parameters = pika.URLParameters(world.amqp)
    user, place = f"probe-{uuid.uuid4().hex}", quote(parameters.virtual_host, safe="")
    rabbitmq.server.management("PUT", f"/api/users/{user}", {"password": "x", "tags": ""})
    keys = {"capsule.events": exactly(EVENTS_OF_PROBE), **dict.fromkeys(TO_FUNCTIONS, r"^probe\.[a-z_]+$")}
    for exchange, write in keys.items():
        rabbitmq.server.management("PUT", f"/api/topic-permissions/{place}/{user}", {"exchange": exchange, "write": write, "read": "^$"})
    may = {"configure": "^$", "write": exactly(["capsule.events", "capsule.replies", *TO_FUNCTIONS]), "read": "^$"}
    rabbitmq.server.management("PUT", f"/api/permissions/{place}/{user}", may)
    yield world.worker(CAPSULE_AMQP_URL=f"amqp://{user}:x@{parameters.host}:{parameters.port}/{place}")
    rabbitmq.server.management("DELETE", f"/api/users/{user}")


def enqueue(world: World, exchange: str, routing_key: str) -> str:
    """A row that a process left behind a minute ago."""
    headers = message(routing_key)
    with psycopg.connect(world.owner, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO outbox (id, exchange, routing_key, headers, body, created_at) VALUES (%s, %s, %s, %s, %s, now() - interval '1 minute')",
            (headers["id"], exchange, routing_key, psycopg.types.json.Jsonb(headers), b"{}"),
        )
    return headers["id"]


def test_its_own_work_succeeds(world: World, worker: Worker) -> None:
    assert world.outcome(worker, "a") == "done"
    until(lambda: world.count("outbox") == 0, why="for its events to be published")
    assert worker.post(message("probe.deposited"), deposited("b"), path="/probe.on_deposited") == 204
    until(lambda: world.count("notes") == 1, why="for the handler's work")


def test_what_is_refused_stays_owed_and_holds_up_nothing(world: World, worker: Worker) -> None:
    refused = {enqueue(world, "capsule.events", "invoice.issued"), enqueue(world, "capsule.delay.1s", "billing.subscribe")}
    enqueue(world, "capsule.events", "probe.noted")
    again = enqueue(world, "capsule.redelivery", "probe.total")
    assert worker.post(message("tick"), b"{}", path="/probe.housekeeping") == 204

    def left() -> set[str]:
        return {str(row[0]) for row in world.rows("SELECT id FROM outbox")}

    until(lambda: left() == refused, 60, "until only what is refused is left")
    headers, _ = world.addressed_to("probe.total")
    assert headers["id"] == again
    assert world.outcome(worker, "meanwhile") == "done"
    until(lambda: left() == refused, why="for the event of that")
    lines = [line for line in worker.log.read_text().splitlines() if "has no permission to write for the routing key" in line]
    assert any('"invoice.issued"' in line and '"capsule.events"' in line for line in lines), lines
    assert any('"billing.subscribe"' in line and '"capsule.delay.1s"' in line for line in lines), lines


def test_an_event_that_no_function_of_the_context_declares_is_refused_before_the_commit() -> None:
    context = FunctionContext("auth", *[None] * 11)  # type: ignore[arg-type]
    context.check_declared(UserCreated)
    with pytest.raises(UndeclaredEvent, match=r"no function of auth declares invoice\.issued: add InvoiceIssued to `emits`"):
        context.check_declared(InvoiceIssued)
