"""Functions refuse the access tokens of a session that has ended, whatever the gateway let through, also when they start only then."""

import json
import uuid
from datetime import UTC, datetime

import pytest

from functions.wire.cloudevents import stamp
from tests.runtime.harness import Worker, World
from tests.runtime.messages import message, request
from tests.runtime.test_execution import token

FUNCTIONS = "probe.enter,probe.dead_letters,probe.on_session_ended"


@pytest.fixture(scope="module", params=["one role", "a role for queries"])
def worker(request: pytest.FixtureRequest, world: World) -> Worker:
    return world.worker(CAPSULE_FUNCTION=FUNCTIONS, **({"CAPSULE_PROBE_READER_URL": world.reader} if request.param != "one role" else {}))


def status(world: World, worker: Worker, type: str, body: object, token: str, **changed: str) -> str:
    headers = request(type, token=token, **changed)
    assert worker.post(headers, json.dumps(body).encode()) == 204
    return str(world.reply(headers["correlationid"])[0]["status"])


def end(worker: Worker, session_id: str) -> None:
    body = {"sessionId": session_id, "userId": str(uuid.uuid4()), "reason": "logged-out", "at": stamp(datetime.now(UTC))}
    for _ in range(2):
        assert worker.post(message("session.ended"), json.dumps(body).encode(), "/probe.on_session_ended") == 204


def test_commands_and_queries_of_an_ended_session_are_refused_and_write_nothing(world: World, worker: Worker) -> None:
    ended, other = str(uuid.uuid4()), token(world, roles=["admin"])
    bearer = token(world, sid=ended, roles=["admin"])
    body = {"password": world.seal("open sesame")}
    for each in (bearer, other):
        assert status(world, worker, "probe.enter", body, each) == "201"
        assert status(world, worker, "probe.dead_letters", {}, each) == "200"
    end(worker, ended)
    refused = request("probe.enter", token=bearer)
    assert worker.post(refused, json.dumps(body).encode()) == 204
    headers, problem = world.reply(refused["correlationid"])
    assert (headers["status"], problem["type"]) == ("401", "/problems/unauthenticated")
    assert world.rows("SELECT FROM inbox WHERE id = %s", refused["id"]) == []
    assert status(world, worker, "probe.dead_letters", {}, bearer) == "401"
    assert status(world, worker, "probe.dead_letters", {"id": str(uuid.uuid4())}, bearer) == "401"
    assert status(world, worker, "probe.dead_letters", {}, other) == "200"

    woken = world.worker(CAPSULE_FUNCTION=FUNCTIONS)
    assert status(world, woken, "probe.enter", body, bearer) == status(world, woken, "probe.dead_letters", {}, bearer) == "401"
    assert status(world, woken, "probe.enter", body, other) == "201"


def test_a_command_from_before_the_end_is_answered_again_and_a_later_one_with_its_key_is_not(world: World, worker: Worker) -> None:
    """`answer-not-kept` is what a repeated `probe.enter` is answered with: its reply is a secret."""
    ended, id = str(uuid.uuid4()), str(uuid.uuid4())
    bearer, body = token(world, sid=ended), {"password": world.seal("open sesame")}
    assert status(world, worker, "probe.enter", body, bearer, id=id) == "201"
    end(worker, ended)
    assert status(world, worker, "probe.enter", body, bearer, id=id) == "409"
    assert status(world, worker, "probe.enter", body, bearer, id=id, time=stamp(datetime.now(UTC))) == "401"
