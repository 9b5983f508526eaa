"""The progress of an operation over three gateways: a stream continues at another one, and ends with its session."""

import json
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.gateway.live import Live, running, sign_in
from tests.gateway.test_ended_sessions import bearer
from tests.proof import proof
from tests.runtime.harness import until

pytestmark = proof("three-gateways")


@pytest.fixture(scope="module")
def live(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    databases = {"auth": postgres.database("auth"), "deploy": postgres.database("deploy")}
    with running(rabbitmq.vhost(), databases, tmp_path_factory.mktemp("streams")) as live:
        yield live


class Follower:
    """Reads a stream in a thread."""

    def __init__(self, port: int, path: str, token: str, last_event_id: str | None = None) -> None:
        self.events: list[dict[str, str]] = []
        self.has_ended = False
        headers = bearer(token) | ({"Last-Event-ID": last_event_id} if last_event_id else {})
        self._url, self._headers = f"http://127.0.0.1:{port}{path}", headers
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        event: dict[str, str] = {}
        try:
            with httpx.stream("GET", self._url, headers=self._headers, timeout=120) as response:
                assert response.status_code == 200, response.read()
                for line in response.iter_lines():
                    name, _, value = line.partition(": ")
                    if line and name in ("event", "id", "data"):
                        event[name] = value
                    elif not line and event:
                        self.events.append(event)
                        event = {}
        except httpx.TransportError:
            pass  # the gateway was killed: what arrived until then counts
        self.has_ended = True

    def statuses(self) -> list[str]:
        return [json.loads(each["data"])["status"] for each in self.events if each["event"] == "operation"]


def move(live: Live, deployment_id: str, status: str, **columns: Any) -> None:
    """What a handler of deploy does when the cluster has reported."""
    assignments = "".join(f", {name} = %s" for name in columns)
    with psycopg.connect(live.databases["deploy"].owner_url, autocommit=True) as connection:
        statement = f"UPDATE deployments SET status = %s, version = version + 1{assignments} WHERE id = %s"
        assert connection.execute(statement, (status, *columns.values(), deployment_id)).rowcount == 1


def start(live: Live) -> tuple[str, httpx.Response]:
    """A signed-in user's token, and the response to a deployment."""
    _, token = sign_in(live)
    body = {"name": f"a{uuid4().hex[:10]}", "repository": "https://git.example.com/ada/hello.git"}
    created = live.client.post("/v1/apps", json=body, headers=bearer(token))
    assert created.status_code == 201, created.text
    accepted = live.client.post(f"/v1/apps/{created.json()['id']}/deployments", json={"environment": "staging"}, headers=bearer(token))
    assert accepted.status_code == 202, accepted.text
    return token, accepted


def test_a_stream_continues_at_another_gateway_after_its_own_was_killed(live: Live) -> None:
    token, accepted = start(live)
    operation_id, location = accepted.json()["operationId"], accepted.headers["location"]
    assert location == f"/v1/operations/{operation_id}"
    assert live.client.get(location, headers=bearer(token)).json()["state"] == "running"

    first = Follower(live.start_gateway(), f"{location}/events", token)
    until(lambda: first.statuses() == ["requested"], why="for the first event")
    move(live, operation_id, "building")
    until(lambda: first.statuses() == ["requested", "building"], why="for the change")
    killed = live.processes.pop()
    killed.kill()
    killed.wait(30)
    until(lambda: first.has_ended, why="for the end of the connection")

    move(live, operation_id, "releasing")
    second = Follower(live.start_gateway(), f"{location}/events", token, first.events[-1]["id"])
    until(lambda: second.statuses() == ["releasing"], why="for what has changed since, and nothing twice")
    third = Follower(live.gateway, f"{location}/events", token)
    until(lambda: third.statuses() == ["releasing"], why="for the state of now")
    finished = "2026-11-29T12:00:00Z"
    move(live, operation_id, "failed", finished_at=finished, deadline_at=None, reminder_at=None, reason="not-ready", detail="exit 1")
    for follower in (second, third):
        until(lambda follower=follower: follower.has_ended, why="for the end")
        assert [each["event"] for each in follower.events[-2:]] == ["operation", "end"]
        problem = json.loads(follower.events[-2]["data"])["problem"]
        assert (problem["reason"], problem["detail"]) == ("not-ready", "exit 1")
    again = live.client.get(f"{location}/events", headers=bearer(token) | {"Last-Event-ID": second.events[-2]["id"]})
    assert again.status_code == 204


def test_a_stream_ends_with_its_session_and_a_stranger_gets_none(live: Live) -> None:
    token, accepted = start(live)
    path = f"{accepted.headers['location']}/events"
    _, stranger = sign_in(live)
    assert live.client.get(path, headers=bearer(stranger)).status_code == 404
    follower = Follower(live.gateway, path, token)
    until(lambda: follower.statuses() == ["requested"], why="for the first event")
    assert live.client.delete("/v1/sessions/current", headers=bearer(token)).status_code == 204
    until(lambda: follower.has_ended, why="for the end")
    assert follower.events[-1]["event"] == "problem"
    assert json.loads(follower.events[-1]["data"])["detail"] == "The session of this access token has ended: sign in again."


def test_a_gateway_with_an_open_stream_stops_at_once(live: Live) -> None:
    token, accepted = start(live)
    follower = Follower(live.start_gateway(), f"{accepted.headers['location']}/events", token)
    until(lambda: follower.statuses() == ["requested"], why="for the first event")
    process = live.processes.pop()
    process.terminate()
    process.wait(15)  # uvicorn waits 20 s for open responses
    until(lambda: follower.has_ended, why="for the end")
