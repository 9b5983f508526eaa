"""A process killed at each point between taking a message and having told the world: after recovery
every deposit is there once, told once, handled once.

And the proof that these tests prove something: with the claim, the outbox or the confirms taken away, they fail.
"""

import threading
from typing import Any

import pytest

from tests.runtime.accidents import MESSAGES, Line, audit, send
from tests.runtime.harness import World, asked, deposit, until
from tests.runtime.worker import ACCIDENTS


@pytest.mark.parametrize("accident", sorted(ACCIDENTS))
def test_a_worker_killed_at_any_point_loses_nothing_and_doubles_nothing(fresh_world: World, accident: str) -> None:
    line = Line(fresh_world, ACCIDENT=accident)
    send(fresh_world)
    audit(fresh_world)
    line.end()
    assert line.deaths == 1, "the accident did not happen"


def _two_workers_same_message(world: World, **environment: str) -> tuple[list[int], int]:
    workers = [world.worker(**environment), world.worker(**environment)]
    command = asked("probe.deposit")
    answers: list[int] = []
    threads = [threading.Thread(target=lambda w=worker: answers.append(w.post(command, deposit(account="both", how="slow")))) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in workers:
        headers, body = world.reply(command["correlationid"])
        assert (headers["outcome"], body) == ("done", {"total": 100})
    return answers, world.count("deposits WHERE account = 'both'")


def test_the_same_message_at_two_workers_at_once_has_one_effect_and_both_give_the_same_answer(fresh_world: World) -> None:
    assert _two_workers_same_message(fresh_world) == ([204, 204], 1)


def test_without_the_claim_the_tests_fail(fresh_world: World) -> None:
    with pytest.raises(AssertionError):
        assert _two_workers_same_message(fresh_world, SWITCHED_OFF="claim") == ([204, 204], 1)


def test_without_the_outbox_the_tests_fail(fresh_world: World) -> None:
    line = Line(fresh_world, ACCIDENT="before-publish", SWITCHED_OFF="outbox")
    send(fresh_world)
    with pytest.raises(AssertionError):
        audit(fresh_world, seconds=10)
    line.end()


def _rabbitmq_restarts(world: World, server: Any, **environment: str) -> None:
    """Deposits are made while RabbitMQ is away; it comes back."""
    worker = world.worker(**environment)
    until(lambda: world.count("deposits") == 0)
    server.stop()
    commands = [asked("probe.deposit") for _ in range(MESSAGES)]
    assert [worker.post(command, deposit(account="crash")) for command in commands] == [204] * MESSAGES
    assert world.count("deposits") == MESSAGES
    server.start()
    worker.stop()
    line = Line(world, **environment)
    audit(world, seconds=20)
    line.end()


@pytest.fixture
def world_to_break(postgres: Any, own_rabbitmq: Any, tmp_path: Any) -> Any:
    from tests.runtime.harness import worlds

    yield from worlds(postgres, own_rabbitmq.create_vhost(f"break-{tmp_path.name}"), tmp_path)


def test_what_was_done_while_rabbitmq_was_away_is_told_when_it_is_back(world_to_break: World, own_rabbitmq: Any) -> None:
    _rabbitmq_restarts(world_to_break, own_rabbitmq)


def test_without_the_confirms_the_tests_fail(world_to_break: World, own_rabbitmq: Any) -> None:
    with pytest.raises(AssertionError):
        _rabbitmq_restarts(world_to_break, own_rabbitmq, SWITCHED_OFF="confirms")


def test_a_function_whose_database_went_away_says_so_and_comes_back_by_itself(own_postgres: Any, rabbitmq: Any, tmp_path: Any) -> None:
    from knative.machine import migrations

    database = own_postgres.database("auth")
    migrations.migrate(database.owner_url, "auth")
    world = World(database.functions_url, database.owner_url, rabbitmq.vhost(), tmp_path)
    world.prepare()
    worker = world.worker()
    before, during, after = asked("probe.deposit"), asked("probe.deposit"), asked("probe.deposit")
    event = {**asked("probe.deposited"), "type": "probe.deposited"}
    worker.post(before, deposit())
    assert world.reply(before["correlationid"])[0]["outcome"] == "done"
    own_postgres.stop()
    assert worker.post(during, deposit()) == 204
    headers, body = world.reply(during["correlationid"])
    assert (headers["status"], body["type"]) == ("503", "/problems/unavailable")
    for gone in ("replyto", "deadline"):
        event.pop(gone)
    assert worker.post(event, b'{"depositId": "018f0000-0000-7000-8000-000000000001", "account": "a", "cents": 1}', "/probe.on_deposited") == 204
    own_postgres.start()
    assert world.addressed_to("probe.on_deposited")[0]["attempt"] == "2", "the event waits in the delay exchange"

    def again() -> bool:
        worker.post(after, deposit())
        return bool(world.reply(after["correlationid"])[0]["outcome"] == "done")

    until(again, why="for the function to find its database again")
    assert world.count("deposits") == 2
    world.close()
