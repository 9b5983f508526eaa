"""One function process, asked as the dispatcher asks it: what it writes, answers and states, in each way that a use case can end."""

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt

from tests.runtime.harness import Worker, World, until
from tests.runtime.messages import deposit, message, request


def test_a_command_changes_state_answers_and_states_an_event(world: World, worker: Worker) -> None:
    command = request("probe.deposit", actor="someone")
    assert worker.post(command, deposit(account="plain")) == 204
    headers, body = world.reply(command["correlationid"])
    assert (headers["outcome"], headers["status"], body) == ("done", "201", {"total": 100})
    event, data = until(lambda: world.take("events"))
    assert event["routing_key"] == event["type"] == "probe.deposited"
    assert event["causation"] == command["id"] and event["correlationid"] == command["correlationid"] and event["actor"] == "someone"
    assert json.loads(data)["account"] == "plain" and set(json.loads(data)) == {"depositId", "account", "cents"}
    until(lambda: world.count("outbox") == 0, why="for the outbox to empty")


def test_a_repeated_command_is_answered_again_and_not_done_again(world: World, worker: Worker) -> None:
    command = request("probe.deposit")
    for _ in range(3):
        assert worker.post(command, deposit(account="twice")) == 204
        assert world.reply(command["correlationid"])[1] == {"total": 100}
    assert world.count("deposits WHERE account = 'twice'") == 1


def test_the_same_id_with_another_body_is_refused(world: World, worker: Worker) -> None:
    command = request("probe.deposit")
    worker.post(command, deposit(1, account="key"))
    world.reply(command["correlationid"])
    worker.post(command, deposit(2, account="key"))
    headers, body = world.reply(command["correlationid"])
    assert (headers["status"], body["type"]) == ("422", "/problems/key-reused")
    assert world.rows("SELECT cents FROM deposits WHERE account = 'key'") == [(1,)]


def test_a_rejection_undoes_what_was_written_and_is_the_stored_answer(world: World, worker: Worker) -> None:
    command = request("probe.deposit")
    for _ in range(2):
        worker.post(command, deposit(account="refused", how="refuse"))
        headers, body = world.reply(command["correlationid"])
        assert (headers["outcome"], headers["status"], body["type"], body["detail"]) == ("rejected", "409", "/problems/refused", "not this time")
    assert world.count("deposits WHERE account = 'refused'") == 0


def test_a_rejection_that_is_returned_keeps_what_was_written(world: World, worker: Worker) -> None:
    command = request("probe.deposit")
    worker.post(command, deposit(account="kept", how="keep"))
    assert world.reply(command["correlationid"])[0]["status"] == "409"
    assert world.count("deposits WHERE account = 'kept'") == 1


def test_a_fault_of_ours_is_told_recorded_and_leaves_nothing_half_done(world: World, worker: Worker) -> None:
    command = request("probe.deposit")
    assert worker.post(command, deposit(account="broken-command", how="break")) == 204
    headers, body = world.reply(command["correlationid"])
    assert (headers["outcome"], headers["status"], body["type"]) == ("failed", "500", "/problems/internal-error")
    assert world.count("deposits WHERE account = 'broken-command'") == 0
    [(error, stack)] = until(lambda: world.rows("SELECT error, stack FROM dead_letters WHERE message_id = %s", command["id"]))
    assert error == "ZeroDivisionError" and "a fault of ours" in stack


def test_a_passing_failure_is_told_to_the_caller_as_503(world: World, worker: Worker) -> None:
    command = request("probe.deposit")
    worker.post(command, deposit(account="away", how="away"))
    headers, body = world.reply(command["correlationid"])
    assert (headers["outcome"], headers["status"], body["retryAfter"]) == ("failed", "503", 2)
    assert world.count("inbox WHERE id = %s", command["id"]) == 0, "nothing was done, so the same key may be used again"


def test_work_whose_caller_has_given_up_is_not_begun(world: World, worker: Worker) -> None:
    command = request("probe.deposit", deadline="2020-01-01T00:00:00Z")
    assert worker.post(command, deposit(account="late")) == 204
    assert world.count("deposits WHERE account = 'late'") == 0
    assert worker.lines()[-1]["outcome"] == "expired"


def test_bad_input_is_refused_with_a_pointer_to_each_fault(world: World, worker: Worker) -> None:
    command = request("probe.deposit")
    worker.post(command, json.dumps({"account": 7, "surprise": True}).encode())
    headers, body = world.reply(command["correlationid"])
    assert headers["status"] == "422"
    assert {error["pointer"] for error in body["errors"]} == {"/account", "/cents", "/surprise"}
    command = request("probe.deposit")
    worker.post(command, b"{not json")
    assert world.reply(command["correlationid"])[0]["status"] == "422"


def test_a_query_reads_and_cannot_write(world: World, worker: Worker) -> None:
    worker.post(request("probe.deposit"), deposit(account="read"))
    query = request("probe.total")
    worker.post(query, b'{"account": "read"}')
    assert world.reply(query["correlationid"])[1] == {"total": 100}
    assert world.count("inbox WHERE id = %s", query["id"]) == 0
    query = request("probe.total")
    worker.post(query, b'{"account": "writes"}')
    assert world.reply(query["correlationid"])[0]["outcome"] == "failed"
    assert world.count("notes WHERE what = 'query'") == 0


def token(world: World, **changed: object) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": "capsule", "aud": "capsule", "sub": str(uuid.uuid4()), "sid": str(uuid.uuid4()), "roles": ["user"], "jti": "1"}
    claims |= {"iat": now, "exp": now + 60, **changed}
    key = world.signing["keys"][0]
    return jwt.encode(claims, jwt.PyJWK(key), key["alg"], {"kid": key["kid"], "typ": "at+jwt"})


def test_a_secret_travels_sealed_and_its_answer_is_not_kept(world: World, worker: Worker) -> None:
    sealed = world.seal("open sesame")
    command = request("probe.enter", token=token(world), remote="192.0.2.1")
    body = json.dumps({"password": sealed}).encode()
    worker.post(command, body)
    headers, answer = world.reply(command["correlationid"])
    assert headers["outcome"] == "done" and answer["token"] == "t-1"
    assert answer["address"] == "192.0.2.1" and answer["correlationId"] == command["correlationid"]
    assert world.rows("SELECT reply FROM inbox WHERE id = %s", command["id"]) == [(None,)]
    worker.post(command, body)
    assert world.reply(command["correlationid"])[1]["type"] == "/problems/answer-not-kept"


def test_a_secret_in_the_clear_or_for_another_context_is_refused(world: World, worker: Worker) -> None:
    for password in ("open sesame", "sealed:nobody:AAAA"):
        command = request("probe.enter", token=token(world))
        worker.post(command, json.dumps({"password": password}).encode())
        headers, body = world.reply(command["correlationid"])
        assert headers["status"] == "422" and body["errors"][0]["pointer"] == "/password"
        assert password not in json.dumps(body)


def test_no_token_a_forged_one_and_an_expired_one_are_refused_by_the_function_itself(world: World, worker: Worker) -> None:
    good = token(world)
    forged = good[:-6] + ("AAAAAA" if good[-6:] != "AAAAAA" else "BBBBBB")
    for row in (None, forged, token(world, exp=1), token(world, aud="another")):
        command = request("probe.enter", **({"token": row} if row else {}))
        worker.post(command, b'{"password": "x"}')
        assert world.reply(command["correlationid"])[0]["status"] == "401"


def test_an_event_is_handled_once_however_often_it_comes(world: World, worker: Worker) -> None:
    id = str(uuid.uuid4())
    event = message("probe.deposited")
    body = json.dumps({"depositId": id, "account": "e", "cents": 5}).encode()
    for _ in range(3):
        assert worker.post(event, body, "/probe.on_deposited") == 204
    assert world.count("notes WHERE what = 'deposited' AND text = %s", id) == 1
    assert [line["outcome"] for line in worker.lines() if line["message"] == event["id"]] == ["done", "duplicate", "duplicate"]


def test_an_older_event_of_the_same_subject_is_skipped(world: World, worker: Worker) -> None:
    for sequence, name in (("2", "second"), ("1", "first"), ("3", "third")):
        event = message("probe.renamed", subject="s", sequence=sequence)
        assert worker.post(event, json.dumps({"account": "s", "name": name}).encode(), "/probe.on_renamed") == 204
    assert world.rows("SELECT text FROM notes WHERE what = 'renamed' AND text IN ('first', 'second', 'third') ORDER BY id") == [
        ("second",),
        ("third",),
    ]


def test_a_failing_event_is_delayed_then_kept_as_a_dead_letter(world: World, worker: Worker) -> None:
    event = message("probe.deposited")
    body = json.dumps({"depositId": str(uuid.uuid4()), "account": "broken", "cents": 5}).encode()
    assert worker.post(event, body, "/probe.on_deposited") == 204
    headers, again = world.addressed_to("probe.on_deposited")
    assert headers["routing_key"] == "probe.on_deposited" and headers["attempt"] == "2" and again == body
    last = {name: value for name, value in headers.items() if not name.startswith("x-") and name not in ("routing_key", "content-type")}
    assert worker.post({**last, "attempt": "3", "due": "2026-01-01T00:00:00Z"}, body, "/probe.on_deposited") == 204
    [(function, error, attempts)] = world.rows("SELECT function, error, attempts FROM dead_letters WHERE message_id = %s", event["id"])
    assert (function, error, attempts) == ("probe.on_deposited", "ZeroDivisionError", 3)
    assert world.count("notes WHERE what = 'deposited' AND text = %s", json.loads(body)["depositId"]) == 0


def test_an_event_that_nobody_can_read_goes_to_the_dead_letters_at_once(world: World, worker: Worker) -> None:
    for body in (b"", b"nonsense", b'{"account": "x"}', bytes(10_000_000)):
        event = message("probe.deposited")
        assert worker.post(event, body, "/probe.on_deposited") == 204
        assert world.rows("SELECT error FROM dead_letters WHERE message_id = %s", event["id"]) == [("invalid",)]


def test_a_message_marked_as_dead_is_stored_and_not_handled(world: World, worker: Worker) -> None:
    id = str(uuid.uuid4())
    event = message("probe.deposited", deadletter="undelivered", deadletterdetail="it never came", token="secret-token")
    body = json.dumps({"depositId": id, "account": "e", "cents": 5}).encode()
    assert worker.post(event, body, "/probe.on_deposited") == 204
    [(error, headers)] = world.rows("SELECT error, headers FROM dead_letters WHERE message_id = %s", event["id"])
    assert error == "undelivered" and "token" not in headers
    assert world.count("notes WHERE text = %s", id) == 0


def test_an_effect_calls_out_between_its_transactions_and_records_once(world: World, worker: Worker) -> None:
    id = str(uuid.uuid4())
    event = message("probe.deposited")
    body = json.dumps({"depositId": id, "account": "ring", "cents": 5}).encode()
    for _ in range(3):
        assert worker.post(event, body, "/probe.on_deposited_ring") == 204
    assert [line for line in world.bell() if id in line] == [f"ring {id} 0"]
    assert world.count("notes WHERE what = 'rung' AND text = %s", id) == 1


def test_an_effect_may_resume_what_began_elsewhere(world: World, worker: Worker) -> None:
    event = message("probe.deposited")
    worker.post(event, json.dumps({"depositId": str(uuid.uuid4()), "account": "resumed", "cents": 5}).encode(), "/probe.on_deposited_ring")
    line = next(line for line in worker.lines() if line["message"] == event["id"])
    assert (line["correlation"], line["actor"]) == ("the-first-request", "its-author")
    headers, _ = until(lambda: next(iter(_renamed(world, event["id"])), None), why="for the event")
    assert (headers["correlationid"], headers["actor"]) == ("the-first-request", "its-author")


def _renamed(world: World, cause: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    while found := world.take("events"):
        if found[0].get("causation") == cause:
            yield found


def test_a_foreign_call_inside_a_transaction_is_a_programming_error(world: World, worker: Worker) -> None:
    event = message("probe.deposited", attempt="3")
    worker.post(event, json.dumps({"depositId": str(uuid.uuid4()), "account": "inside", "cents": 5}).encode(), "/probe.on_deposited_ring")
    assert world.rows("SELECT error FROM dead_letters WHERE message_id = %s", event["id"]) == [("CalledInsideTransaction",)]
    assert "inside a transaction" not in world.bell()


def test_what_a_foreign_system_says_decides_when_to_try_again(world: World, worker: Worker) -> None:
    for account, outcome in (("away", "retried"), ("slow-down", "retried"), ("never", "dead")):
        event = message("probe.deposited")
        body = json.dumps({"depositId": str(uuid.uuid4()), "account": account, "cents": 5}).encode()
        assert worker.post(event, body, "/probe.on_deposited_ring") == 204
        assert [line["outcome"] for line in worker.lines() if line["message"] == event["id"]] == [outcome], account


def test_a_timeout_that_a_context_sends_to_itself_comes_back_after_its_time(world: World, worker: Worker) -> None:
    command = request("probe.deposit")
    worker.post(command, deposit(account="timer", how="later"))

    headers, body = world.addressed_to("probe.on_check_later")
    assert headers["type"] == "probe.check-later" and json.loads(body) == {"account": "timer"}


def test_what_is_no_message_is_answered_400_and_what_is_for_nobody_503(worker: Worker) -> None:
    assert httpx.post(f"http://127.0.0.1:{worker.port}/", content=b"hello").status_code == 400
    assert worker.post(message("nobody.knows"), b"{}") == 503


def test_a_process_told_to_stop_finishes_what_is_under_way(world: World) -> None:
    worker = world.worker_of_its_own()
    command = request("probe.deposit")
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(worker.post(command, deposit(account="draining", how="slow"))))
    thread.start()
    until(lambda: world.count("pg_locks WHERE relation = 'deposits'::regclass"), why="for the handler to be at work")
    assert worker.stop() == 0
    thread.join()
    world.reply(command["correlationid"])
    assert answers == [204] and world.count("deposits WHERE account = 'draining'") == 1
    assert world.count("outbox") == 0


def test_a_line_is_written_for_each_execution_and_holds_no_secret(world: World, worker: Worker) -> None:
    command = request("probe.deposit", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate="")
    worker.post(command, deposit(account="logged"))
    world.reply(command["correlationid"])
    line = next(line for line in worker.lines() if line["message"] == command["id"])
    assert line["function"] == "probe.deposit" and line["outcome"] == "done" and line["ms"] > 0
    assert line["trace"] == "0af7651916cd43dd8448eb211c80319c" and line["correlation"] == command["correlationid"]
    assert [name.split(":")[0] for name in line["emitted"]] == ["probe.deposited"]
    assert "sesame" not in worker.log.read_text()
