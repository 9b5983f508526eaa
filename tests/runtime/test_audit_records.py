"""Records for the audit log: one for each command of a caller, committed with it, and sent by the next process if the first one dies."""

import json
import uuid
from typing import Any

import psycopg

from functions.runtime.messaging.exchanges import EVENTS
from tests.runtime.harness import Worker, World, until
from tests.runtime.messages import request
from tests.runtime.test_execution import token


def enter(world: World, worker: Worker, id: str | None = None, **attributes: str) -> dict[str, str]:
    command = request("probe.enter", id, remote="192.0.2.1", useragent="curl/8", **attributes)
    worker.post(command, json.dumps({"password": world.seal("open sesame")}).encode())
    world.reply(command["correlationid"])
    return command


def next_event(world: World) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    headers, body = until(lambda: world.take("events"), why="for records")
    assert headers["type"] == "audit.recorded" and b"open sesame" not in body and b"t-1" not in body
    return headers, json.loads(body)["records"]


def test_commands_of_callers_leave_one_record_each_and_travel_together(world: World, worker: Worker) -> None:
    user_id, session_id = str(uuid.uuid4()), str(uuid.uuid4())
    by_session = token(world, sub=user_id, sid=session_id)
    first = enter(world, worker, token=by_session)
    enter(world, worker, first["id"], token=by_session)  # repeated: answered again, not executed again
    enter(world, worker)  # refused before the function runs
    second = enter(world, worker, token=token(world))
    records: dict[str, Any] = {}  # by id: an event whose confirm is late is published again
    while len(records) < 2:
        headers, sent = next_event(world)
        assert "causation" not in headers and headers["source"] == "/capsule/probe"
        records |= {each["id"]: each for each in sent}
    assert {each["correlationId"] for each in records.values()} == {first["correlationid"], second["correlationid"]}
    record = next(each for each in records.values() if each["correlationId"] == first["correlationid"])
    assert (record["function"], record["outcome"], record["reason"]) == ("probe.enter", "done", None)
    assert (record["actor"], record["userId"], record["sessionId"]) == ("session", user_id, session_id)
    assert (record["address"], record["userAgent"], record["target"]) == ("192.0.2.1", "curl/8", "probe.enter")
    until(lambda: world.count("outbox") == 0, why="for the outbox to empty")
    while (event := world.take("events")) is not None:
        assert {each["id"] for each in json.loads(event[1])["records"]} <= set(records)


def test_the_records_of_a_killed_process_are_sent_by_the_next_one(fresh_world: World) -> None:
    world = fresh_world
    victim = world.worker_of_its_own()
    command = enter(world, victim, token=token(world))
    victim.kill()  # within the half second in which records wait for others
    [(headers,)] = world.rows("SELECT headers FROM outbox")
    with psycopg.connect(world.owner, autocommit=True) as connection:
        connection.execute("UPDATE outbox SET created_at = now() - interval '1 minute'")
    world.worker()
    _, [record] = next_event(world)
    assert (record["id"], record["correlationId"]) == (headers["id"], command["correlationid"])
    until(lambda: world.count("outbox") == 0, why="for the outbox to empty")


def test_a_process_that_ends_sends_its_records(fresh_world: World) -> None:
    worker = fresh_world.worker_of_its_own()
    enter(fresh_world, worker, token=token(fresh_world))
    assert worker.stop() == 0
    assert len(next_event(fresh_world)[1]) == 1 and fresh_world.count("outbox") == 0


def test_records_without_a_binding_wait_in_the_outbox(fresh_world: World) -> None:
    world, worker = fresh_world, fresh_world.worker_of_its_own()
    with world.channel() as channel:
        channel.queue_unbind("events", EVENTS, "#")
    enter(world, worker, token=token(world))
    until(lambda: "stays in the outbox: no queue is bound" in worker.log.read_text(), why="for RabbitMQ to return it")
    assert world.count("outbox") == 1
    with world.channel() as channel:
        channel.queue_bind("events", EVENTS, "#")
    with psycopg.connect(world.owner, autocommit=True) as connection:
        connection.execute("UPDATE outbox SET created_at = now() - interval '1 minute'")
    assert worker.stop() == 0
    assert len(next_event(world)[1]) == 1 and world.count("outbox") == 0
