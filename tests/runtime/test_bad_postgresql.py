"""What goes wrong with PostgreSQL on a bad day; each has a sensible end, and the function comes back by itself.

Exhausted connections, clashes, locks held by a migration, outages that are longer than all retries, and a fail-over to a standby.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from knative.machine import migrations
from tests.proof import proof
from tests.runtime.accidents import Line, audit, nothing_is_left, send
from tests.runtime.harness import HTTP_PATIENCE, World, until
from tests.runtime.messages import deposit, deposited, message, request
from tests.runtime.servers import Standby, kill, standby_of
from tests.servers import Brokers, discard, fresh_home


@proof("recovery")
def test_with_no_connection_left_a_caller_is_told_to_wait_and_the_function_comes_back_at_once(fresh_world: World) -> None:
    world = fresh_world
    name = psycopg.conninfo.conninfo_to_dict(world.database)["dbname"]
    with psycopg.connect(world.owner, autocommit=True) as owner:
        owner.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
        worker = world.worker()
        for _ in range(4):
            assert world.outcome(worker, "full") == "failed"
        owner.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
    assert world.outcome(worker, "after") == "done", "the first request after it finds a connection"
    assert world.count("deposits") == 1


def test_transactions_that_lose_against_each_other_are_done_again_at_once(fresh_world: World) -> None:
    world = fresh_world
    worker = world.worker()
    ended: list[int] = []
    commands = [request("probe.deposit"), request("probe.deposit")]
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
    assert ended == [204, 204]


@pytest.mark.parametrize("table", ["deposits", "inbox", "outbox"])
def test_a_migration_that_holds_a_lock_makes_callers_wait_and_not_the_function_hang(fresh_world: World, table: str) -> None:
    world = fresh_world
    worker = world.worker()
    assert world.outcome(worker, "before") == "done"
    with psycopg.connect(world.owner) as migration:
        migration.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        event = message("probe.deposited")
        body = deposited("m")
        assert world.outcome(worker, "during") == "failed"
        if table != "deposits":
            assert worker.post(event, body, "/probe.on_deposited", timeout=HTTP_PATIENCE) == 204
    if table != "deposits":
        assert world.addressed_to("probe.on_deposited")[0]["outage"] == "1", "the event waits in the delay exchange, and that was no try"
    assert world.outcome(worker, "after") == "done"
    assert world.count("deposits WHERE account = 'during'") == 0


# -- serialization failures --------------------------------------------------------------------------------------------

CLASHES = """
CREATE SEQUENCE clashes;
GRANT USAGE ON clashes TO auth_functions;
CREATE FUNCTION clash() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('clashes') <= {times} THEN
        RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER clash BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION clash();
"""


def _clash(world: World, table: str, times: int) -> None:
    """PostgreSQL itself says so, that many times. (A sequence counts on, whatever is rolled back.)"""
    with psycopg.connect(world.owner, autocommit=True) as owner:
        owner.execute(CLASHES.format(table=table, times=times))


def test_a_serialization_failure_is_nothing_that_a_caller_hears_of(fresh_world: World) -> None:
    world = fresh_world
    _clash(world, "deposits", 3)
    assert world.outcome(world.worker(), "clash") == "done"
    assert world.count("deposits") == 1 and world.count("outbox") <= 1 and world.rows("SELECT last_value FROM clashes") == [(4,)]


def test_a_transaction_that_always_loses_is_tried_later_and_its_caller_is_told_to_come_again(fresh_world: World) -> None:
    world = fresh_world
    _clash(world, "notes", 8)
    worker = world.worker()
    assert worker.post(message("probe.deposited"), deposited("clash"), "/probe.on_deposited") == 204
    headers, body = world.addressed_to("probe.on_deposited")
    assert headers["attempt"] == "2", "four times at once, and then later"
    again = {name: value for name, value in headers.items() if name not in ("routing_key", "content-type", "due")}
    assert worker.post(again, body, "/probe.on_deposited") == 204 and world.count("notes") == 0
    headers, body = world.addressed_to("probe.on_deposited")
    again = {name: value for name, value in headers.items() if name not in ("routing_key", "content-type", "due")}
    assert worker.post(again, body, "/probe.on_deposited") == 204 and world.count("notes WHERE what = 'deposited'") == 1


# -- outages -----------------------------------------------------------------------------------------------------------


@proof("recovery")
def test_an_outage_that_is_longer_than_all_retries_uses_none_of_them_up(fresh_world: World) -> None:
    """This message has one try left. However often the database is away meanwhile, it keeps that."""
    world = fresh_world
    name = psycopg.conninfo.conninfo_to_dict(world.database)["dbname"]
    event = message("probe.deposited", attempt="3")
    headers, body = dict(event), deposited("patient")
    with psycopg.connect(world.owner, autocommit=True) as owner:
        owner.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
        worker = world.worker()
        for outage in ("1", "2", "3", "4", "5"):
            assert worker.post(headers, body, "/probe.on_deposited", timeout=HTTP_PATIENCE) == 204
            headers, body = world.addressed_to("probe.on_deposited")
            assert (headers["attempt"], headers["outage"]) == ("3", outage)
            headers = {name: value for name, value in headers.items() if name not in ("routing_key", "content-type", "due")}
        owner.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
    assert worker.post(headers, body, "/probe.on_deposited") == 204
    assert world.count("notes WHERE what = 'deposited'") == 1 and world.count("dead_letters") == 0


def test_what_is_to_die_while_the_database_is_away_dies_when_it_is_back(fresh_world: World) -> None:
    world = fresh_world
    worker = world.worker()
    event = message("probe.deposited", attempt="3")
    with psycopg.connect(world.owner) as migration:
        migration.execute("LOCK TABLE dead_letters IN ACCESS EXCLUSIVE MODE")
        assert worker.post(event, deposited("broken"), "/probe.on_deposited", timeout=HTTP_PATIENCE) == 204
    headers, body = world.addressed_to("probe.on_deposited")
    assert (headers["attempt"], headers["outage"]) == ("3", "1")
    again = {name: value for name, value in headers.items() if name not in ("routing_key", "content-type", "due")}
    assert worker.post(again, body, "/probe.on_deposited") == 204
    assert world.rows("SELECT error, attempts FROM dead_letters") == [("ZeroDivisionError", 3)]


def test_a_server_that_takes_no_writes_is_an_outage_and_no_fault(fresh_world: World) -> None:
    """An address that leads to a standby, in the middle of a fail-over."""
    world = fresh_world
    name = psycopg.conninfo.conninfo_to_dict(world.database)["dbname"]
    with psycopg.connect(world.owner, autocommit=True) as owner:
        owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        worker = world.worker()
        assert world.outcome(worker, "standby") == "failed"
        event = message("probe.deposited", attempt="3")
        assert worker.post(event, deposited("standby"), "/probe.on_deposited") == 204
        assert worker.post(message("probe.deposited"), deposited("standby"), "/probe.on_deposited_ring") == 204
        owner.execute("SET default_transaction_read_only = off")
        owner.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    headers, _ = world.addressed_to("probe.on_deposited")
    assert (headers["attempt"], headers["outage"]) == ("3", "1") and world.count("dead_letters") == 0
    until(lambda: world.outcome(worker, "promoted") == "done", why="for a connection to the primary: each to the standby fails once")


@pytest.fixture
def pair(own_postgres: Any, rabbitmq: Brokers, tmp_path: Path) -> Iterator[tuple[World, Standby]]:
    """A primary whose every commit waits for its standby, and functions that know both."""
    database = own_postgres.database("auth")
    migrations.migrate(database.owner_url, "auth")
    home = fresh_home()
    home.create()
    try:
        standby = standby_of(own_postgres, home)
        world = World(standby.both(database.functions_url), standby.both(database.owner_url), rabbitmq.vhost(), tmp_path)
        world.prepare()
        yield world, standby
        world.close()
    finally:
        discard(home)


@proof("recovery")
def test_a_fail_over_with_messages_under_way_loses_nothing(own_postgres: Any, pair: tuple[World, Standby]) -> None:
    world, standby = pair
    line = Line(world)
    sent = send(world)
    until(lambda: world.count("deposits") >= 7, why="for the work to begin")
    kill(own_postgres)
    during = request("probe.deposit")
    assert line.worker.post(during, deposit(), timeout=HTTP_PATIENCE) == 204
    assert world.reply(during["correlationid"])[0]["status"] == "503"
    standby.promote()
    audit(world, sent, seconds=60)
    nothing_is_left(world, line)
    assert line.deaths == 0, "the function found the new primary by itself"
