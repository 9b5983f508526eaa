"""Messages of every size and of no sense, and clocks that jump; each has a sensible end, and holds nothing else up."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pika
import pytest

from functions.runtime.messaging import delays
from functions.runtime.reliability.dead_letter_router import UNROUTABLE
from functions.wire.cloudevents import stamp
from tests.runtime.accidents import Line, nothing_is_left, send
from tests.runtime.harness import HTTP_PATIENCE, Worker, World, until
from tests.runtime.messages import deposit, deposited, message, request


def test_a_clock_that_is_behind_delays_in_legs_and_loses_nothing(fresh_world: World) -> None:
    world = fresh_world
    behind, right = world.worker(CLOCK_SHIFT="-7200"), world.worker()
    event = message("probe.deposited", due=stamp(datetime.now(UTC) - timedelta(seconds=1)))
    body = deposited("clock")
    assert behind.post(event, body, "/probe.on_deposited") == 204
    assert world.count("notes WHERE what = 'deposited'") == 0, "to that clock it is early"
    with world.channel() as rabbit:
        assert until(lambda: rabbit.queue_declare(delays.exchange_of(3600), passive=True).method.message_count) == 1
        _, properties, again = rabbit.basic_get(delays.exchange_of(3600), auto_ack=True)
    assert right.post(properties.headers, again, "/probe.on_deposited") == 204
    assert world.count("notes WHERE what = 'deposited'") == 1


def test_a_clock_that_is_ahead_begins_nothing_whose_caller_it_takes_for_gone_and_still_tells_events(fresh_world: World) -> None:
    world = fresh_world
    ahead = world.worker(CLOCK_SHIFT="7200")
    command = request("probe.deposit", deadline=stamp(datetime.now(UTC) + timedelta(seconds=10)))
    assert ahead.post(command, deposit(account="ahead")) == 204
    assert world.count("deposits") == 0
    body = deposited("clock")
    assert ahead.post(message("probe.deposited"), body, "/probe.on_deposited") == 204
    assert world.count("notes WHERE what = 'deposited'") == 1


def test_events_of_a_time_that_is_yet_to_come_are_swept_too(fresh_world: World) -> None:
    """The database's clock was set back: what was owed before it seems to be of the future."""
    world = fresh_world
    headers = json.dumps(message("probe.deposited"))
    world.rows(
        "INSERT INTO outbox (id, exchange, routing_key, headers, body, created_at)"
        " VALUES ('1', 'capsule.events', 'probe.deposited', %s, '{}', now() + interval '2 hours') RETURNING 1",
        headers,
    )
    world.worker()
    until(lambda: world.count("outbox") == 0, why="for the sweep at the start")


def test_ten_megabytes_go_all_the_way(fresh_world: World) -> None:
    world = fresh_world
    line = Line(world)
    much, id = "x" * 10_000_000, str(uuid.uuid4())
    event = json.dumps({"depositId": id, "account": much}).encode()
    with world.channel() as rabbit:
        rabbit.confirm_delivery()
        headers = pika.BasicProperties(headers=request("probe.deposit"))
        rabbit.basic_publish("capsule.commands", "probe.deposit", deposit(account="much", how=much), headers, mandatory=True)
        rabbit.basic_publish("capsule.events", "probe.noted", event, pika.BasicProperties(headers=message("probe.noted")))
    until(lambda: world.count("notes WHERE what = 'noted' AND text = %s", id), 40, "for the event")
    until(lambda: world.count("notes WHERE what IN ('deposited', 'rung', 'noted', 'renamed')") == 5, 40, "for the command and its consequences")
    nothing_is_left(world, line)
    assert world.count("dead_letters") == 0


def test_what_exceeds_a_limit_of_the_database_is_no_outage_and_dies(fresh_world: World) -> None:
    """The account is the subject of the event that the effect states: a key of that size has no place in an index."""
    world = fresh_world
    worker = world.worker()
    event = message("probe.deposited", attempt="3")
    body = deposited("x" * 10_000_000)
    assert worker.post(event, body, "/probe.on_deposited_ring", timeout=HTTP_PATIENCE) == 204
    assert world.rows("SELECT error FROM dead_letters WHERE message_id = %s", event["id"]) == [("ProgramLimitExceeded",)]


def test_what_names_no_function_that_there_is_rests_where_an_operator_finds_it(fresh_world: World) -> None:
    world = fresh_world
    router = world.worker(CAPSULE_FUNCTION="runtime.dead_letters")
    for body in (b"", b"nonsense", bytes(1000)):
        strange = message("nobody.knows", knativeerrordest="http://nobody.capsule.svc/nobody.knows", knativeerrorcode="503", redelivery="10")
        assert router.post(strange, body) == 204
        found = world.take(UNROUTABLE)
        assert found is not None and found[0]["type"] == "nobody.knows" and found[1] == body


def test_a_slow_and_a_failing_message_do_not_hold_the_others(fresh_world: World) -> None:
    """A slow one holds a connection; the others have the rest of the pool."""
    world = fresh_world
    line = Line(world)
    with world.channel() as rabbit:
        rabbit.confirm_delivery()
        slow = pika.BasicProperties(headers=request("probe.deposit"))
        rabbit.basic_publish("capsule.commands", "probe.deposit", deposit(account="slow", how="very slow"), slow)
        for _ in range(4):
            body = deposited("away")
            rabbit.basic_publish("capsule.events", "probe.deposited", body, pika.BasicProperties(headers=message("probe.deposited")))
    send(world, 20, "others")
    until(lambda: world.count("deposits WHERE account = 'others'") == 20, why="for the others")
    assert world.count("deposits WHERE account = 'slow'") == 0, "it is still at it"
    (world.folder / "hurry").touch()
    until(lambda: world.count("deposits WHERE account = 'slow'") == 1, why="for the slow one")
    until(lambda: world.count("dead_letters") == 4 + 4, 40, "for those that fail to give up, at both of their subscribers")
    line.end()
    assert all(row[0] == 3 for row in world.rows("SELECT attempts FROM dead_letters"))


SENSELESS = {"zero bytes": b"", "nonsense": b"nonsense", "no object": b"[1]", "no text": b"\xff\xfe\x00", "deep": b"[" * 100_000}


@pytest.mark.parametrize("body", SENSELESS.values(), ids=SENSELESS)
def test_what_makes_no_sense_is_refused_or_dies_at_once_and_the_function_lives(world: World, worker: Worker, body: bytes) -> None:
    command, question, event = request("probe.deposit"), request("probe.total"), message("probe.deposited")
    for sent in (command, question):
        assert worker.post(sent, body) == 204
        headers, problem = world.reply(sent["correlationid"])
        assert (headers["outcome"], headers["status"], problem["type"]) == ("rejected", "422", "/problems/invalid")
    assert worker.post(event, body, "/probe.on_deposited") == 204
    assert worker.post(event, body, "/probe.on_deposited_ring") == 204
    letters = world.rows("SELECT function, error, body FROM dead_letters WHERE message_id = %s ORDER BY 1", event["id"])
    assert letters == [("probe.on_deposited", "invalid", body), ("probe.on_deposited_ring", "invalid", body)], "as it came, for an operator to see"
    assert world.outcome(worker, "sense") == "done"


def test_a_type_that_nobody_knows_is_not_settled_here_and_the_function_lives(world: World, worker: Worker) -> None:
    assert worker.post(message("nobody.knows"), b"{}") == 503, "the dispatcher sends it to the dead letters, whose router knows what to do"
    assert world.outcome(worker, "known") == "done"


@pytest.mark.parametrize(
    "attributes", [{"attempt": "many"}, {"deadline": "soon"}, {"due": "later"}, {"sequence": "-1", "subject": "x"}, {"dataversion": "x"}]
)
def test_an_attribute_of_no_sense_counts_as_not_said(world: World, worker: Worker, attributes: dict[str, str]) -> None:
    id = str(uuid.uuid4())
    assert worker.post(message("probe.deposited", **attributes), deposited("odd", id), "/probe.on_deposited") == 204
    assert world.count("notes WHERE what = 'deposited' AND text = %s", id) == 1
