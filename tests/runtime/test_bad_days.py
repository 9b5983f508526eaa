"""What goes wrong around a function on a bad day; each has a sensible end, and the function comes back by itself.

Servers that are killed are in `test_outages`; here they live and refuse: alarms, closed channels, missing exchanges, full queues, no connections
left, locks held by a migration, deadlocks, a clock that jumps, messages of every size and of no sense.
"""

import json
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pika
import psycopg
import pytest
from rich.table import Table

from functions.runtime import delays
from functions.runtime.envelope import stamp
from functions.runtime.topology import declare_exchanges
from functions.runtime.undelivered import UNROUTABLE
from knative.machine import packages, status
from tests.runtime.accidents import Line, nothing_is_left, send
from tests.runtime.harness import World, asked, deposit, message, until, worlds

HTTP_PATIENCE = 30


@contextmanager
def channel(world: World) -> Iterator[Any]:
    with pika.BlockingConnection(pika.URLParameters(world.amqp)) as connection:
        yield connection.channel()


def outcome(world: World, worker: Any, account: str, how: str = "") -> str:
    """Of one deposit asked for now."""
    command = asked("probe.deposit")
    assert worker.post(command, deposit(account=account, how=how), timeout=HTTP_PATIENCE) == 204
    return str(world.reply(command["correlationid"])[0]["outcome"])


# -- RabbitMQ ---------------------------------------------------------------------------------------------------------


def control(server: Any, *words: str) -> None:
    folder = packages.find_rabbitmq()
    assert folder is not None
    environment = server._configure(None)
    subprocess.run([folder / "rabbitmqctl", *words], env=environment, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("alarm", "over"),
    [
        (("set_disk_free_limit", "1000000GB"), ("set_disk_free_limit", "50MB")),
        (("set_vm_memory_high_watermark", "0"), ("set_vm_memory_high_watermark", "0.8")),
    ],
    ids=["disk", "memory"],
)
def test_rabbitmqs_alarm_delays_what_is_told_and_loses_nothing(
    postgres: Any, own_rabbitmq: Any, tmp_path: Path, alarm: tuple[str, ...], over: tuple[str, ...]
) -> None:
    world = next(worlds(postgres, own_rabbitmq.create_vhost(alarm[0]), tmp_path))
    worker = world.worker()
    assert outcome(world, worker, "before") == "done"
    until(lambda: world.count("outbox") == 0, why="for the first event")
    control(own_rabbitmq, *alarm)
    try:
        during = asked("probe.deposit")
        assert worker.post(during, deposit(account="during"), timeout=HTTP_PATIENCE) == 204
        assert world.count("deposits WHERE account = 'during'") == 1 and world.count("outbox") == 1, "done, and still owed"
    finally:
        control(own_rabbitmq, *over)
    until(lambda: world.count("outbox") == 0, 20, "for the event, when the alarm is over")
    assert outcome(world, worker, "after") == "done"
    assert worker.process.poll() is None
    world.close()


def test_what_rests_unroutable_is_seen_in_the_status(own_rabbitmq: Any) -> None:
    table = Table()
    assert status._unroutable(table, own_rabbitmq.home), "there is no such queue yet"
    with pika.BlockingConnection(pika.URLParameters(own_rabbitmq.url)) as connection:
        rabbit = connection.channel()
        declare_exchanges(rabbit)
        assert status._unroutable(table, own_rabbitmq.home), "it is empty"
        rabbit.confirm_delivery()
        rabbit.basic_publish("", UNROUTABLE, b"from nobody", mandatory=True)
        assert not status._unroutable(table, own_rabbitmq.home)
    assert list(table.columns[2].cells) == ["not known yet", "none", "1 message"]


def test_a_channel_closed_over_a_missing_exchange_comes_back_and_the_event_with_it(fresh_world: World) -> None:
    world = fresh_world
    worker = world.worker()
    assert outcome(world, worker, "before") == "done"
    until(lambda: world.count("outbox") == 0, why="for the first event")
    with channel(world) as rabbit:
        rabbit.exchange_delete("capsule.events")
    assert outcome(world, worker, "during") == "done", "a reply goes another way"
    assert world.count("outbox") == 1
    world.declare()
    line = world.pump(lambda: worker.port)
    until(lambda: world.count("notes WHERE what = 'noted'") == 2, 20, "for both to be told")
    until(lambda: world.count("outbox") == 0, why="for the outbox to empty")
    line.stop()


def test_in_a_virtual_host_without_our_exchanges_work_is_done_and_told_when_they_are_there(fresh_world: World) -> None:
    world = fresh_world
    with channel(world) as rabbit:
        for exchange in ("capsule.commands", "capsule.events", "capsule.replies", *map(delays.exchange_of, delays.LEVELS)):
            rabbit.exchange_delete(exchange)
    worker = world.worker()
    command, event = asked("probe.deposit"), message("probe.deposited")
    assert worker.post(command, deposit(account="bare"), timeout=HTTP_PATIENCE) == 204
    body = json.dumps({"depositId": str(uuid.uuid4()), "account": "away", "cents": 1}).encode()
    assert worker.post(event, body, "/probe.on_deposited", timeout=HTTP_PATIENCE) == 204
    assert world.rows("SELECT function FROM dead_letters WHERE message_id = %s", event["id"]) == [("probe.on_deposited",)], "kept, not lost"
    assert world.count("deposits WHERE account = 'bare'") == 1 and world.count("outbox") == 1
    world.declare()
    until(lambda: world.count("outbox") == 0, 20, "for the event")
    assert worker.post(command, deposit(account="bare")) == 204
    assert world.reply(command["correlationid"])[0]["outcome"] == "done", "asked again, it is answered from the inbox"
    assert world.count("deposits WHERE account = 'bare'") == 1


def test_a_full_queue_delays_events_and_does_not_lose_them(fresh_world: World) -> None:
    world = fresh_world
    with channel(world) as rabbit:
        rabbit.queue_declare("narrow", durable=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        rabbit.queue_bind("narrow", "capsule.events", "probe.deposited")
    worker = world.worker()
    for account in ("first", "second"):
        assert outcome(world, worker, account) == "done"
    until(lambda: world.count("outbox") == 1, why="for the first to be taken and the second to be refused")
    with channel(world) as rabbit:
        rabbit.queue_purge("narrow")
    until(lambda: world.count("outbox") == 0, 20, "for the second")
    assert world.take("narrow") is not None


def test_a_retry_that_the_delay_exchange_does_not_take_is_kept_as_a_dead_letter(fresh_world: World) -> None:
    world = fresh_world
    name = delays.exchange_of(1)
    with channel(world) as rabbit:
        rabbit.queue_delete(name)
        rabbit.queue_declare(name, durable=True, arguments={**delays.queue_arguments(1), "x-max-length": 0})
        rabbit.queue_bind(name, name)
        rabbit.queue_delete(delays.exchange_of(5))
    worker = world.worker()
    events = [message("probe.deposited") for _ in range(3)]
    for event in events:
        body = json.dumps({"depositId": str(uuid.uuid4()), "account": "away", "cents": 1}).encode()
        assert worker.post(event, body, "/probe.on_deposited") == 204
    kept = world.count("dead_letters WHERE message_id = ANY(%s)", [event["id"] for event in events])
    with channel(world) as rabbit:
        waiting = rabbit.queue_declare(name, passive=True).method.message_count
    assert kept >= 1 and kept + waiting == 3


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def test_with_no_connection_left_a_caller_is_told_to_wait_and_the_function_comes_back_at_once(fresh_world: World) -> None:
    world = fresh_world
    name = psycopg.conninfo.conninfo_to_dict(world.database)["dbname"]
    with psycopg.connect(world.owner, autocommit=True) as owner:
        owner.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
        worker = world.worker()
        for _ in range(4):
            assert outcome(world, worker, "full") == "failed"
        owner.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
    assert outcome(world, worker, "after") == "done", "the first request after it finds a connection"
    assert world.count("deposits") == 1


def test_transactions_that_lose_against_each_other_are_done_again_at_once(fresh_world: World) -> None:
    world = fresh_world
    worker = world.worker()
    ended: list[int] = []
    commands = [asked("probe.deposit"), asked("probe.deposit")]
    bodies = [deposit(account="left", how="cross"), deposit(account="right", how="cross")]
    threads = [
        threading.Thread(target=lambda c=command, b=body: ended.append(worker.post(c, b))) for command, body in zip(commands, bodies, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    replies = [world.take("replies"), world.take("replies")]
    assert [found[0]["outcome"] for found in replies if found] == ["done", "done"]
    assert world.count("deposits WHERE account IN ('left', 'right')") == 2
    assert world.rows("SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()") == [(True,)] or ended == [204, 204]


@pytest.mark.parametrize("table", ["deposits", "inbox", "outbox"])
def test_a_migration_that_holds_a_lock_makes_callers_wait_and_not_the_function_hang(fresh_world: World, table: str) -> None:
    world = fresh_world
    worker = world.worker()
    assert outcome(world, worker, "before") == "done"
    with psycopg.connect(world.owner) as migration:
        migration.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        event = message("probe.deposited")
        body = json.dumps({"depositId": str(uuid.uuid4()), "account": "m", "cents": 1}).encode()
        assert outcome(world, worker, "during") == "failed"
        if table != "deposits":
            assert worker.post(event, body, "/probe.on_deposited", timeout=HTTP_PATIENCE) == 204
    if table != "deposits":
        assert world.addressed_to("probe.on_deposited")[0]["attempt"] == "2", "the event waits in the delay exchange"
    assert outcome(world, worker, "after") == "done"
    assert world.count("deposits WHERE account = 'during'") == 0


# -- time -------------------------------------------------------------------------------------------------------------


def test_a_clock_that_is_behind_delays_in_legs_and_loses_nothing(fresh_world: World) -> None:
    world = fresh_world
    behind, right = world.worker(CLOCK_SHIFT="-7200"), world.worker()
    event = message("probe.deposited", due=stamp(datetime.now(UTC) - timedelta(seconds=1)))
    body = json.dumps({"depositId": str(uuid.uuid4()), "account": "clock", "cents": 1}).encode()
    assert behind.post(event, body, "/probe.on_deposited") == 204
    assert world.count("notes WHERE what = 'deposited'") == 0, "to that clock it is early"
    with channel(world) as rabbit:
        assert until(lambda: rabbit.queue_declare(delays.exchange_of(3600), passive=True).method.message_count) == 1
        _, properties, again = rabbit.basic_get(delays.exchange_of(3600), auto_ack=True)
    assert right.post(properties.headers, again, "/probe.on_deposited") == 204
    assert world.count("notes WHERE what = 'deposited'") == 1


def test_a_clock_that_is_ahead_begins_nothing_whose_caller_it_takes_for_gone_and_still_tells_events(fresh_world: World) -> None:
    world = fresh_world
    ahead = world.worker(CLOCK_SHIFT="7200")
    command = asked("probe.deposit", deadline=stamp(datetime.now(UTC) + timedelta(seconds=10)))
    assert ahead.post(command, deposit(account="ahead")) == 204
    assert world.count("deposits") == 0
    body = json.dumps({"depositId": str(uuid.uuid4()), "account": "clock", "cents": 1}).encode()
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


# -- messages ---------------------------------------------------------------------------------------------------------


def test_ten_megabytes_go_all_the_way(fresh_world: World) -> None:
    world = fresh_world
    line = Line(world)
    much, id = "x" * 10_000_000, str(uuid.uuid4())
    event = json.dumps({"depositId": id, "account": much}).encode()
    with channel(world) as rabbit:
        rabbit.confirm_delivery()
        headers = pika.BasicProperties(headers=asked("probe.deposit"))
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
    body = json.dumps({"depositId": str(uuid.uuid4()), "account": "x" * 10_000_000, "cents": 1}).encode()
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
    with channel(world) as rabbit:
        rabbit.confirm_delivery()
        slow = pika.BasicProperties(headers=asked("probe.deposit"))
        rabbit.basic_publish("capsule.commands", "probe.deposit", deposit(account="slow", how="very slow"), slow)
        for _ in range(4):
            body = json.dumps({"depositId": str(uuid.uuid4()), "account": "away", "cents": 1}).encode()
            rabbit.basic_publish("capsule.events", "probe.deposited", body, pika.BasicProperties(headers=message("probe.deposited")))
    send(world, 20, "others")
    until(lambda: world.count("deposits WHERE account = 'others'") == 20, why="for the others")
    assert world.count("deposits WHERE account = 'slow'") == 0, "it is still at it"
    (world.folder / "hurry").touch()
    until(lambda: world.count("deposits WHERE account = 'slow'") == 1, why="for the slow one")
    until(lambda: world.count("dead_letters") == 4 + 4, 40, "for those that fail to give up, at both of their subscribers")
    line.end()
    assert all(row[0] == 3 for row in world.rows("SELECT attempts FROM dead_letters"))
