"""Positions of a replica and its primary, and how queries share a reading of the primary's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import psycopg
import pytest

from functions.runtime.storage.failures import DatabaseUnavailable, ReplicaFailed
from functions.runtime.storage.replicas import AWAY_SECONDS, BEHIND_SECONDS, OF_REPLICA, Position, PrimaryPosition, Replicas
from functions.runtime.storage.session import Result, Session, Statement


def test_a_position_includes_earlier_ones_of_its_timeline() -> None:
    assert Position(2, 500).includes(Position(2, 500)) and Position(2, 500).includes(Position(2, 499))
    assert not Position(2, 499).includes(Position(2, 500))
    assert not Position(1, 900).includes(Position(2, 500)), "a replica of the lost primary may have more of its log"
    assert not Position(3, 900).includes(Position(2, 500))


async def test_queries_that_arrive_during_a_reading_share_the_next_one() -> None:
    """The present one may have begun before what they need was written."""
    readings, written, may_end = 0, 0, asyncio.Event()

    async def read() -> Position:
        nonlocal readings
        readings += 1
        place = written
        await may_end.wait()
        return Position(1, place)

    primary = PrimaryPosition(read)
    first = asyncio.create_task(primary.current())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    written = 7
    later = [asyncio.create_task(primary.current()) for _ in range(5)]
    await asyncio.sleep(0)
    may_end.set()
    assert (await first).place == 0
    assert [each.place for each in await asyncio.gather(*later)] == [7] * 5 and readings == 2
    written = 9
    assert (await primary.current()).place == 9


async def test_a_reading_that_fails_fails_for_those_who_wait_and_nobody_else() -> None:
    results: list[Position | Exception] = [DatabaseUnavailable("away"), Position(1, 1)]

    async def read() -> Position:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    primary = PrimaryPosition(read)
    with pytest.raises(DatabaseUnavailable):
        await primary.current()
    assert await primary.current() == Position(1, 1)


async def test_a_caller_who_gives_up_does_not_end_the_reading_of_the_others() -> None:
    may_end = asyncio.Event()

    async def read() -> Position:
        await may_end.wait()
        return Position(1, 1)

    primary = PrimaryPosition(read)
    impatient, patient = (asyncio.create_task(primary.current()) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    may_end.set()
    assert await patient == Position(1, 1)


class Server:
    """A replica as its connection shows it. `positions`: what it answers, the last one again and again; None: it is a primary."""

    def __init__(self, *positions: Position | None) -> None:
        self.positions, self.looks, self.connections = list(positions), 0, 0
        self.queued: list[Any] = []
        self.aside: list[Any] = []
        self.executed: list[str] = []

    async def flush(self, *statements: Statement) -> list[Result]:
        if OF_REPLICA not in statements:
            return [Result(0) for _ in statements]
        self.looks += 1
        position = self.positions.pop(0) if len(self.positions) > 1 else self.positions[0]
        found = Result(1, [] if position is None else [position])
        return [found if each is OF_REPLICA else Result(0) for each in statements]

    async def execute(self, statement: str) -> None:
        self.executed.append(statement)

    async def close(self) -> None: ...

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Session]:
        self.connections += 1
        yield cast(Session, self)


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def replicas(server: Server, clock: Clock) -> Replicas:
    async def read() -> Position:
        return Position(1, 100)

    return Replicas(server.connect, PrimaryPosition(read), clock)


async def answers(replicas: Replicas) -> bool:
    async with replicas.transaction() as connection:
        return connection is not None


async def test_a_replica_that_is_a_little_behind_is_waited_for() -> None:
    server = Server(Position(1, 90), Position(1, 99), Position(1, 100))
    assert await answers(replicas(server, Clock())) and server.looks >= 3


@pytest.mark.parametrize("position", [Position(1, 99), Position(2, 500), None], ids=["behind", "another timeline", "promoted"])
async def test_one_that_stays_behind_is_left_alone_for_a_while(position: Position | None) -> None:
    server, clock = Server(position), Clock()
    many = replicas(server, clock)
    assert not await answers(many) and set(server.executed) == {"ROLLBACK"}
    clock.seconds += BEHIND_SECONDS - 0.1
    assert not await answers(many) and server.connections == 1
    clock.seconds += 0.2
    server.positions = [Position(1, 100)]
    assert await answers(many) and server.connections == 2


async def test_one_that_does_not_answer_is_left_alone_for_longer() -> None:
    class Away(Server):
        @asynccontextmanager
        async def connect(self) -> AsyncIterator[Session]:
            self.connections += 1
            raise psycopg.OperationalError("connection refused")
            yield

    server, clock = Away(Position(1, 100)), Clock()
    many = replicas(server, clock)
    assert not await answers(many)
    clock.seconds += AWAY_SECONDS - 0.1
    assert not await answers(many) and server.connections == 1


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (psycopg.errors.SerializationFailure("canceling statement due to conflict with recovery"), ReplicaFailed),
        (psycopg.errors.AdminShutdown("terminating connection due to administrator command"), ReplicaFailed),
        (psycopg.errors.UndefinedColumn("no such column"), psycopg.errors.UndefinedColumn),
        (psycopg.errors.StatementTooComplex("stack depth limit exceeded"), psycopg.errors.StatementTooComplex),
        (ValueError("a handler's own"), ValueError),
    ],
)
async def test_what_a_replica_ends_is_told_from_what_the_query_did(error: Exception, raised: type[Exception]) -> None:
    server = Server(Position(1, 100))
    with pytest.raises(raised):
        async with replicas(server, Clock()).transaction():
            raise error
    assert server.executed == ["ROLLBACK"], "the connection goes back without a transaction"
