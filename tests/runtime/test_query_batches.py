"""Queries that wait share a call of their handler, and each has the answer that it has alone."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pika
import psycopg
import pytest

from functions.runtime.config.settings import Settings
from functions.runtime.execution import query_batches
from functions.runtime.execution.transactions import Execution
from functions.runtime.serving.process import Process
from functions.wire import reply_batches
from tests.auth.running_context import AuthWorld, auth_worlds
from tests.runtime.messages import request
from tests.runtime.test_execution import token
from tests.waiting import wait_limit

PROFILE = "auth.profile"
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdHNhbHQ"


@pytest.fixture(scope="module")
def world(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    yield from auth_worlds(postgres, rabbitmq, tmp_path_factory.mktemp("query-batches"))


class Profiles:
    """`auth.profile` in this process. `calls`: how many queries each call of its handler had."""

    def __init__(self, world: AuthWorld) -> None:
        self.world = world
        world.signing = json.loads((world.folder / "etc/capsule/signing/jwks.json").read_text())
        environment = {**world.environment(), "CAPSULE_FUNCTION": PROFILE, "CAPSULE_AUTH_READER_URL": world.reader or world.database}
        self.process = Process(Settings(environment))
        self.calls: list[int] = []

    async def start(self) -> None:
        await self.process.start()
        function = self.process._functions[PROFILE]
        original = function.call_together

        async def call_together(executions: Sequence[Execution]) -> Any:
            self.calls.append(len(executions))
            return await original(executions)

        function.call_together = call_together  # type: ignore[method-assign]

    def add_users(self, count: int) -> list[UUID]:
        users = [uuid4() for _ in range(count)]
        with psycopg.connect(self.world.owner) as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO users (id, email, password_hash, email_verified_at, created_at, updated_at) VALUES (%s, %s, %s, now(), now(), now())",
                [(user, f"{user}@example.org", HASH) for user in users],
            )
        return users

    def query(self, user: UUID, **claims: object) -> dict[str, str]:
        attributes = {"token": token(self.world, sub=str(user), **claims), reply_batches.ATTRIBUTE: "1"}
        return request(PROFILE, **attributes)

    def hang_once(self) -> asyncio.Event:
        """Let the next call of the handler wait for the event."""
        function, is_first, may_end = self.process._functions[PROFILE], True, asyncio.Event()
        original = function.call_together

        async def hanging(executions: Sequence[Execution]) -> Any:
            nonlocal is_first
            if is_first:
                is_first = False
                await may_end.wait()
            return await original(executions)

        function.call_together = hanging  # type: ignore[method-assign]
        return may_end

    async def handle(self, *queries: dict[str, str]) -> None:
        assert all(await asyncio.gather(*(self.process.handle_message(PROFILE, each, b"{}") for each in queries)))

    async def replies(self, count: int) -> dict[str, tuple[str, Any]]:
        """Status and document of each reply, by correlation id."""
        found: dict[str, tuple[str, Any]] = {}
        with pika.BlockingConnection(pika.URLParameters(self.world.amqp)) as connection:
            channel = connection.channel()
            async with asyncio.timeout(wait_limit(20)):
                while len(found) < count:
                    method, properties, body = channel.basic_get("replies", auto_ack=True)
                    if method is None:
                        await asyncio.sleep(0.02)
                        continue
                    own = [(properties.headers, body)] if properties.content_type is None else reply_batches.decode(body)
                    found |= {headers["correlationid"]: (headers["status"], json.loads(document)) for headers, document in own}
        return found

    async def ask(self, *queries: dict[str, str]) -> list[tuple[str, Any]]:
        """Handle all at once. Returns status and document for each, in their order."""
        await self.handle(*queries)
        replies = await self.replies(len(queries))
        return [replies[each["correlationid"]] for each in queries]


@pytest.fixture
async def profiles(world: AuthWorld) -> AsyncIterator[Profiles]:
    profiles = Profiles(world)
    await profiles.start()
    yield profiles
    await profiles.process.stop()


async def test_each_of_many_queries_gets_its_own_answer_from_few_calls(profiles: Profiles) -> None:
    users = profiles.add_users(30)
    callers = [*users, *users[:5], *users[::-1]]  # some of them twice, in one call
    replies = await profiles.ask(*(profiles.query(user) for user in callers))
    assert [(status, body["id"], body["email"]) for status, body in replies] == [("200", str(user), f"{user}@example.org") for user in callers]
    assert sum(profiles.calls) == len(callers) and len(profiles.calls) <= 3, profiles.calls


async def test_more_than_a_batch_are_several_calls(profiles: Profiles) -> None:
    [user] = profiles.add_users(1)
    replies = await profiles.ask(*(profiles.query(user) for _ in range(150)))
    assert Counter(status for status, _ in replies) == {"200": 150}
    assert max(profiles.calls) == 64


async def test_a_query_alone_is_a_batch_of_one(profiles: Profiles) -> None:
    [user] = profiles.add_users(1)
    [(status, body)] = await profiles.ask(profiles.query(user))
    assert (status, body["id"], profiles.calls) == ("200", str(user), [1])
    [(status, body)] = await profiles.ask(profiles.query(uuid4()))
    assert (status, body["type"], profiles.calls) == ("404", "/problems/unknown-user", [1, 1])


async def test_a_rejection_an_ended_session_and_a_bad_token_concern_their_own_query(profiles: Profiles) -> None:
    first, second, third = profiles.add_users(3)
    ended = str(uuid4())
    with psycopg.connect(profiles.world.owner) as connection:
        connection.execute("INSERT INTO revoked_sessions (session_id, revoked_at) VALUES (%s, now())", (ended,))
    good = [profiles.query(first), profiles.query(second)]
    unknown, refused, expired = profiles.query(uuid4()), profiles.query(third, sid=ended), profiles.query(third, exp=1)
    replies = await profiles.ask(good[0], unknown, good[1])
    assert [status for status, _ in replies] == ["200", "404", "200"]
    replies = await profiles.ask(good[0], refused, good[1])
    assert [status for status, _ in replies] == ["200", "401", "200"]
    profiles.calls.clear()
    replies = await profiles.ask(good[0], expired, good[1])
    assert [status for status, _ in replies] == ["200", "401", "200"]
    assert profiles.calls == [2], "a query with a refused token takes part in no call"


async def test_an_ended_session_is_found_where_no_query_of_the_call_finds_a_row(profiles: Profiles) -> None:
    ended = str(uuid4())
    with psycopg.connect(profiles.world.owner) as connection:
        connection.execute("INSERT INTO revoked_sessions (session_id, revoked_at) VALUES (%s, now())", (ended,))
    replies = await profiles.ask(profiles.query(uuid4(), sid=ended), profiles.query(uuid4()))
    assert [status for status, _ in replies] == ["401", "404"]


async def test_a_call_that_hangs_holds_up_no_later_one(profiles: Profiles) -> None:
    users = profiles.add_users(2)
    await profiles.ask(profiles.query(users[0]))
    may_end = profiles.hang_once()
    first = [profiles.query(user) for user in users]
    hangs = asyncio.create_task(profiles.handle(*first))
    await asyncio.sleep(0.01)
    later = [profiles.query(user) for user in users]
    await asyncio.wait_for(profiles.handle(*later), wait_limit(10))
    assert not hangs.done() and set(await profiles.replies(2)) == {each["correlationid"] for each in later}
    may_end.set()
    await hangs
    assert set(await profiles.replies(2)) == {each["correlationid"] for each in first}
    assert [status for status, _ in await profiles.ask(profiles.query(users[0]))] == ["200"]


async def test_a_query_whose_consumer_gave_up_takes_part_in_no_call(profiles: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_batches, "SLOW_SECONDS", 600)
    users = profiles.add_users(4)
    queries = [profiles.query(user) for user in users]
    may_end = profiles.hang_once()
    hangs = asyncio.create_task(profiles.handle(*queries[:2]))
    await asyncio.sleep(0.01)
    waits = asyncio.create_task(profiles.handle(queries[2]))
    gives_up = asyncio.create_task(profiles.handle(queries[3]))
    await asyncio.sleep(0.01)
    gives_up.cancel()
    may_end.set()
    await asyncio.gather(hangs, waits)
    assert gives_up.cancelled() or gives_up.cancelling()
    assert set(await profiles.replies(3)) == {each["correlationid"] for each in queries[:3]}
    assert profiles.calls == [2, 1]


async def test_a_database_that_fails_is_an_answer_to_each(profiles: Profiles) -> None:
    users = profiles.add_users(3)
    with psycopg.connect(profiles.world.owner, autocommit=True) as connection:
        connection.execute("ALTER TABLE users RENAME COLUMN name TO former_name")
        try:
            replies = await profiles.ask(*(profiles.query(user) for user in users))
        finally:
            connection.execute("ALTER TABLE users RENAME COLUMN former_name TO name")
    assert [status for status, _ in replies] == ["500"] * 3
    assert [status for status, _ in await profiles.ask(*(profiles.query(user) for user in users))] == ["200"] * 3
