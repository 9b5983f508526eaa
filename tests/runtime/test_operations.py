"""What an operator does with dead letters, and how early events wait for their turn: over the real process, database and broker."""

import json
import uuid
from typing import Any

from tests.runtime.harness import Worker, World, until
from tests.runtime.messages import message, request
from tests.runtime.test_execution import token


def admin(world: World) -> str:
    return token(world, roles=["admin"])


def broken(world: World, worker: Worker, account: str = "broken") -> tuple[str, str]:
    """Lets an event die; answers its deposit and its letter."""
    event, id = message("probe.deposited", attempt="3"), str(uuid.uuid4())
    worker.post(event, json.dumps({"depositId": id, "account": account, "cents": 5}).encode(), "/probe.on_deposited")
    [(letter,)] = world.rows("SELECT id FROM dead_letters WHERE message_id = %s", event["id"])
    return id, str(letter)


def ask(world: World, worker: Worker, type: str, body: Any, who: str | None = None) -> tuple[dict[str, Any], Any]:
    command = request(type, token=who or admin(world))
    assert worker.post(command, json.dumps(body).encode()) == 204
    return world.reply(command["correlationid"])


def test_an_operator_sees_causes_letters_and_one_letter_whole(world: World, worker: Worker) -> None:
    deposit, letter = broken(world, worker)
    _, page = ask(world, worker, "probe.dead_letters", {"error": "ZeroDivisionError"})
    assert page["causes"][0]["function"] == "probe.on_deposited" and page["causes"][0]["count"] >= 1
    assert letter in [found["id"] for found in page["letters"]] and page["letters"][0]["payload"] is None
    _, page = ask(world, worker, "probe.dead_letters", {"id": letter})
    [whole] = page["letters"]
    assert whole["payload"]["depositId"] == deposit and "ZeroDivisionError" in whole["stack"] and whole["headers"]["type"] == "probe.deposited"
    assert [(entry["action"], entry["actor"]) for entry in whole["history"]] == [("died", None)]


def test_nobody_but_an_admin_may(world: World, worker: Worker) -> None:
    headers, _ = ask(world, worker, "probe.dead_letters", {}, token(world))
    assert headers["status"] == "403"
    headers, _ = ask(world, worker, "probe.settle_dead_letters", {"action": "discard", "function": "probe.on_deposited"}, token(world))
    assert headers["status"] == "403"


def test_a_letter_is_mended_replayed_and_reaches_its_function_alone_once(world: World, worker: Worker) -> None:
    deposit, letter = broken(world, worker)
    mended = {"depositId": deposit, "account": "mended", "cents": 5}
    _, answer = ask(world, worker, "probe.settle_dead_letters", {"action": "replay", "ids": [letter], "payload": mended})
    assert answer == {"settled": 1, "left": 0}
    headers, body = world.addressed_to("probe.on_deposited")
    again = {name: value for name, value in headers.items() if name not in ("routing_key", "content-type")}
    for _ in range(2):
        assert worker.post(again, body, "/probe.on_deposited") == 204
    assert world.count("notes WHERE what = 'deposited' AND text = %s", deposit) == 1
    _, page = ask(world, worker, "probe.dead_letters", {"id": letter})
    [whole] = page["letters"]
    assert whole["state"] == "replayed" and [entry["action"] for entry in whole["history"]] == ["died", "edited", "replayed"]
    assert whole["history"][-1]["actor"] is not None


def test_a_group_is_discarded_and_a_bad_selection_is_refused(world: World, worker: Worker) -> None:
    broken(world, worker)
    broken(world, worker)
    headers, problem = ask(world, worker, "probe.settle_dead_letters", {"action": "discard"})
    assert (headers["status"], problem["type"]) == ("422", "/problems/nothing-selected")
    headers, problem = ask(world, worker, "probe.settle_dead_letters", {"action": "discard", "ids": [str(uuid.uuid4())]})
    assert headers["status"] == "404"
    _, answer = ask(world, worker, "probe.settle_dead_letters", {"action": "discard", "function": "probe.on_deposited"})
    assert answer["settled"] >= 2 and answer["left"] == 0
    assert world.count("dead_letters WHERE function = 'probe.on_deposited' AND state = 'open'") == 0


def test_a_command_is_replayed_on_behalf_of_its_sender_and_a_forged_voucher_is_refused(world: World, worker: Worker) -> None:
    letter, user = str(uuid.uuid4()), str(uuid.uuid4())
    sealed = json.dumps({"password": world.seal("open sesame")}).encode()
    headers = message("probe.enter", actor=user)
    with_actor = json.dumps({**headers, "actor": user})
    world.rows(
        "INSERT INTO dead_letters (id, function, source, message_id, type, headers, body, error, detail, attempts) VALUES"
        " (%s, 'probe.enter', '/test', %s, 'probe.enter', %s, %s, 'Bug', '', 1) RETURNING 1",
        letter,
        headers["id"],
        with_actor,
        sealed,
    )
    ask(world, worker, "probe.settle_dead_letters", {"action": "replay", "ids": [letter]})
    vouched, body = world.addressed_to("probe.enter")
    again = {name: value for name, value in vouched.items() if name not in ("routing_key", "content-type")}
    before = world.count("notes WHERE what = 'entered'")
    other = json.dumps({"password": world.seal("another wish")}).encode()
    assert worker.post(again, other, "/probe.enter") == 204, "another body"
    assert world.count("notes WHERE what = 'entered'") == before
    assert worker.post({**again, "actor": str(uuid.uuid4())}, body, "/probe.enter") == 204, "another's name"
    assert world.count("notes WHERE what = 'entered'") == before
    assert worker.post(again, body, "/probe.enter") == 204
    assert world.count("notes WHERE what = 'entered'") == before + 1


def count(worker: Worker, account: str, number: int, sequence: int, **attributes: str) -> dict[str, str]:
    event = message("probe.counted", subject=account, sequence=str(sequence), **attributes)
    assert worker.post(event, json.dumps({"account": account, "number": number}).encode(), "/probe.on_counted") == 204
    return event


def counted(world: World, account: str) -> list[str]:
    return [row[0] for row in world.rows("SELECT text FROM notes WHERE what = 'counted' AND text LIKE %s ORDER BY id", f"{account}:%")]


def test_early_events_are_parked_and_go_in_turn_when_the_missing_one_has_come(fresh_world: World) -> None:
    world = fresh_world
    worker = world.worker()
    world.pump(lambda: worker.port)
    for sequence in (3, 2, 4):
        count(worker, "turn", sequence, sequence)
    assert counted(world, "turn") == [] and world.count("parked") == 3
    count(worker, "turn", 1, 1)
    until(lambda: len(counted(world, "turn")) == 4, why="for the parked events")
    assert counted(world, "turn") == ["turn:1", "turn:2", "turn:3", "turn:4"] and world.count("parked") == 0


def test_what_waits_in_vain_goes_to_the_dead_letters_and_an_operator_lets_it_overtake(world: World, worker: Worker) -> None:
    event = count(worker, "gap", 2, 2)
    assert world.count("parked WHERE subject = 'gap'") == 1
    until(lambda: world.count("parked WHERE until < now()"), why="for its time to end")
    tick = {**message("dev.knative.sources.ping"), "function": "probe.housekeeping"}
    assert worker.post(tick, b"{}") == 204
    [(letter, error)] = world.rows("SELECT id, error FROM dead_letters WHERE message_id = %s", event["id"])
    assert error == "MissingPredecessor" and world.count("parked WHERE subject = 'gap'") == 0
    ask(world, worker, "probe.settle_dead_letters", {"action": "replay", "ids": [str(letter)]})
    headers, body = world.addressed_to("probe.on_counted")
    worker.post({name: value for name, value in headers.items() if name not in ("routing_key", "content-type")}, body, "/probe.on_counted")
    assert counted(world, "gap") == ["gap:2"]


def test_open_dead_letters_are_counted_and_told_and_none_are_not(fresh_world: World) -> None:
    world = fresh_world
    worker = world.worker()
    tick = {**message("dev.knative.sources.ping"), "function": "probe.housekeeping"}
    assert worker.post(tick, b"{}") == 204
    assert world.take("events") is None
    broken(world, worker)
    broken(world, worker)
    assert worker.post({**tick, "id": str(uuid.uuid4())}, b"{}") == 204
    headers, body = until(lambda: world.take("events"), why="for the event")
    counted = json.loads(body)
    assert headers["routing_key"] == "dead-letters.counted" and headers["subject"] == "probe"
    assert counted["open"] == 2 and counted["oldestAt"] <= counted["at"]
    [cause] = counted["causes"]
    assert (cause["function"], cause["error"], cause["count"]) == ("probe.on_deposited", "ZeroDivisionError", 2)
    ask(world, worker, "probe.settle_dead_letters", {"action": "discard", "error": "ZeroDivisionError"})
    headers, body = until(lambda: world.take("events"), why="for the last word")
    counted = json.loads(body)
    assert (headers["routing_key"], counted["context"], counted["open"], counted["causes"]) == ("dead-letters.counted", "probe", 0, [])
    assert counted["oldestAt"] == counted["at"]
