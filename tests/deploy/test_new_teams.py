"""What deploy answers about a team that auth has just created: with a real function process, RabbitMQ and PostgreSQL."""

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.kernel import NotKnownYet, new_id
from functions.runtime.execution.recent_facts import MAX_CLOCK_SKEW, MAX_WAITING, RECENT, WAITS_SECONDS, Waits, is_recent
from functions.runtime.security import encryption, tokens
from functions.wire.cloudevents import stamp
from tests.runtime.harness import Worker, World
from tests.runtime.messages import message, request
from tests.runtime.test_execution import token

FUNCTIONS = "deploy.create_application,deploy.quota,deploy.on_team_changed,deploy.on_team_membership_changed"


class DeployWorld(World):
    def prepare(self) -> None:
        private, self.signing = encryption.new_private_keys(), tokens.new_signing_jwks()
        self._mount("etc/capsule/sealing/keys.json", private)
        self._mount("etc/capsule/sealing-public/deploy.json", encryption.public_key(private))
        self._mount("etc/capsule/jwks/jwks.json", tokens.public_jwks(self.signing))
        self.declare()

    def environment(self) -> dict[str, str]:
        return super().environment() | {"CAPSULE_FUNCTION": FUNCTIONS, "CAPSULE_DEPLOY_DATABASE_URL": self.database}


@pytest.fixture(scope="module")
def world(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployWorld]:
    database = postgres.database("deploy")
    world = DeployWorld(database.functions_url, database.owner_url, rabbitmq.vhost(), tmp_path_factory.mktemp("teams"))
    world.prepare()
    yield world
    world.close()


@pytest.fixture(scope="module")
def worker(world: DeployWorld) -> Worker:
    return world.worker()


def call(world: World, worker: Worker, function: str, bearer: str, id: str | None = None, **body: str) -> tuple[int, Any]:
    headers = request(f"deploy.{function}", id, token=bearer)
    assert worker.post(headers, json.dumps(body).encode(), f"/deploy.{function}") == 204
    reply, answer = world.reply(headers["correlationid"])
    return int(reply["status"]), answer


def tell_of(worker: Worker, team_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Deliver the events of a new team, as RabbitMQ does."""
    now = stamp(datetime.now(UTC))
    for type, body in (
        ("team.changed", {"teamId": str(team_id), "name": "crew", "email": "ada@example.org", "at": now}),
        ("team-membership.changed", {"membershipId": str(new_id()), "teamId": str(team_id), "userId": str(user_id), "role": "owner", "at": now}),
    ):
        assert worker.post(message(type), json.dumps(body).encode(), f"/deploy.on_{type.replace('-', '_').replace('.', '_')}") == 204


def test_a_command_for_a_team_of_a_moment_ago_waits_for_its_event(world: DeployWorld, worker: Worker) -> None:
    user_id, team_id = uuid.uuid4(), new_id()
    event = threading.Timer(0.3, tell_of, (worker, team_id, user_id))
    event.start()
    body = {"name": "shop", "repository": "https://git.example.com/ada/hello.git", "teamId": str(team_id)}
    status, answer = call(world, worker, "create_application", token(world, sub=str(user_id)), **body)
    event.join()
    assert (status, answer["teamId"]) == (201, str(team_id)), answer


def test_a_caller_whose_event_does_not_come_repeats_the_request_with_its_key(world: DeployWorld, worker: Worker) -> None:
    user_id, team_id, id = uuid.uuid4(), new_id(), str(uuid.uuid4())
    bearer, body = token(world, sub=str(user_id)), {"name": "late", "repository": "https://git.example.com/ada/hello.git", "teamId": str(team_id)}
    status, problem = call(world, worker, "create_application", bearer, id, **body)
    assert (status, problem["type"], problem["retryAfter"]) == (503, "/problems/unavailable", 1), problem
    assert str(team_id) in problem["detail"] and "Try again in a second" in problem["detail"]
    assert world.count("inbox WHERE id = %s", id) == 0, "nothing was decided for the key"
    tell_of(worker, team_id, user_id)
    assert call(world, worker, "create_application", bearer, id, **body)[0] == 201


def test_a_team_that_is_not_new_does_not_exist_at_once(world: DeployWorld, worker: Worker) -> None:
    old = uuid.UUID(int=(new_id().int >> 80) - 60_000 << 80 | new_id().int & (1 << 80) - 1)
    for team_id in (uuid.uuid4(), old):
        began = time.monotonic()
        status, problem = call(world, worker, "quota", token(world), teamId=str(team_id))
        assert (status, problem["type"]) == (404, "/problems/team-not-found")
        assert time.monotonic() - began < sum(WAITS_SECONDS), "it is not waited for"


def test_only_ids_of_now_are_recent() -> None:
    id = new_id()
    made_at = datetime.fromtimestamp((id.int >> 80) / 1000, UTC)
    for age, is_new in ((timedelta(0), True), (RECENT, True), (RECENT * 2, False), (-MAX_CLOCK_SKEW, True), (-MAX_CLOCK_SKEW * 2, False)):
        assert is_recent(id, made_at + age) is is_new
    assert not is_recent(uuid.uuid4(), made_at)


async def test_who_makes_up_ids_of_now_does_not_occupy_a_function() -> None:
    waits, attempts = Waits(), 0

    async def attempt() -> None:
        nonlocal attempts
        attempts += 1
        raise NotKnownYet

    results = await asyncio.gather(*(waits.repeat(attempt) for _ in range(50)), return_exceptions=True)
    assert all(isinstance(each, NotKnownYet) for each in results)
    assert attempts == 50 + MAX_WAITING * len(WAITS_SECONDS), "all others were answered at once"
