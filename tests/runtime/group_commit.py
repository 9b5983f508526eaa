"""The same messages, one after the other and in batches: `python -m tests.runtime.group_commit`, configured by the environment of a world.

A run handles random messages in batches, partitioned at random, and breaks one thing: the connection before or after any statement (of the last,
COMMIT, too), or the publication before or after RabbitMQ has confirmed it. Tables, replies, numbers and published events must be those of a serial
run in the order in which the messages were handled. Prints one line of JSON.
"""

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from itertools import count
from typing import Any

import pika
import psycopg
import uvloop

from events.platform import AuditRecorded
from functions.runtime.config.settings import Settings
from functions.runtime.execution.batches import Batches
from functions.runtime.execution.execution_log import ExecutionLog
from functions.runtime.execution.function import Function
from functions.runtime.messaging.bus import BrokerUnavailable, Bus
from functions.runtime.messaging.exchanges import REPLIES
from functions.runtime.reliability import outbox_publisher
from functions.runtime.serving import grouping
from functions.runtime.serving.process import Process
from functions.runtime.storage.session import QueueCursor, Session
from tests.runtime.random_messages import Incoming, incoming, partition
from tests.runtime.worker import BATCHED, batch

TABLES = {
    "deposits": "SELECT account, cents FROM deposits ORDER BY id",
    "notes": "SELECT what, text FROM notes ORDER BY id",
    "names": "SELECT account, name, renames FROM names ORDER BY 1",
    "recalled": "SELECT account, name, times FROM recalled ORDER BY 1",
    "inbox": "SELECT source, id, function, outcome, status, encode(reply, 'escape'), encode(body_hash, 'hex') FROM inbox ORDER BY 1, 2, 3",
    "subjects": "SELECT subject, sequence FROM subjects ORDER BY 1",
    "positions": "SELECT function, subject, sequence FROM positions ORDER BY 1, 2",
    "dead_letters": "SELECT function, message_id, error FROM dead_letters ORDER BY 1, 2",
    "outbox": "SELECT id FROM outbox",
}
RANDOM_IDS = ("depositId",)
"""Members of events that differ between two runs."""


class Fault:
    """Breaks a connection at the statement of a batch, or the publication, number `at`, counted over a run. `is_done`: PostgreSQL or RabbitMQ
    has done it, and its answer is lost."""

    def __init__(self, what: str = "statement", at: int = 0, is_done: bool = False) -> None:
        self.what, self.at, self.is_done, self.reached = what, at, is_done, 0

    def is_here(self, what: str) -> bool:
        self.reached += what == self.what
        return what == self.what and self.reached == self.at

    def __str__(self) -> str:
        return f"{self.what} {self.at} {'after' if self.is_done else 'before'}"


fault = Fault()
handled: dict[tuple[str, str], tuple[int, str]] = {}
"""Message → when its handler was called last, or when it was settled without; and the correlation id of that delivery."""
_counter = count()
_in_batch: ContextVar[bool] = ContextVar("in_batch", default=False)


def break_at_faults() -> None:
    """Patch statements and publications so that the current fault happens to them."""

    def wrapped(original: Callable[..., Awaitable[Any]], connection_of: Callable[[Any], Session]) -> Callable[..., Awaitable[Any]]:
        async def statement(self: Any, *args: Any, **options: Any) -> Any:
            is_here = _in_batch.get() and fault.is_here("statement")
            if is_here and not fault.is_done:
                await connection_of(self).close()
            result = await original(self, *args, **options)
            if is_here and fault.is_done:
                await connection_of(self).close()
                raise psycopg.OperationalError("the connection is lost")
            return result

        return statement

    call = Function.call

    async def calling(self: Function, execution: Any) -> Any:
        message = execution.message
        handled[self.name, message.id] = next(_counter), message.correlation
        return await call(self, execution)

    Function.call = calling  # type: ignore[method-assign]
    call_together = Function.call_together

    async def calling_together(self: Function, executions: Any) -> Any:
        for each in executions:
            handled[self.name, each.message.id] = next(_counter), each.message.correlation
        return await call_together(self, executions)

    Function.call_together = calling_together  # type: ignore[method-assign]
    write = ExecutionLog.write

    def writing(self: ExecutionLog, declaration: Any, message: Any, at: Any, duration: float, outcome: str, **more: Any) -> None:
        if outcome == "skipped":  # perhaps because of an event that was applied since a batch that was rolled back called its handler
            handled[declaration.name, message.id] = next(_counter), message.correlation
        write(self, declaration, message, at, duration, outcome, **more)

    ExecutionLog.write = writing  # type: ignore[method-assign,assignment]
    Session._send = wrapped(Session._send, lambda session: session)  # type: ignore[method-assign]
    QueueCursor.execute = wrapped(QueueCursor.execute, lambda cursor: cursor.connection)  # type: ignore[method-assign]
    commit, publish = Batches._commit, Bus.publish

    async def committing(self: Batches, batch: Any) -> Any:
        _in_batch.set(True)
        try:
            return await commit(self, batch)
        finally:
            _in_batch.set(False)

    Batches._commit = committing  # type: ignore[method-assign]

    async def publishing(self: Any, *args: Any, **options: Any) -> None:
        is_here = fault.is_here("publication")
        if not is_here or fault.is_done:
            await publish(self, *args, **options)
        if is_here:
            raise BrokerUnavailable("the connection is lost")

    Bus.publish = publishing  # type: ignore[method-assign]


class Trial:
    """Runs over one process, one database and one virtual host."""

    def __init__(self, process: Process, owner: str, amqp: str, ended: Sequence[str]) -> None:
        self._process, self._owner, self._ended = process, psycopg.connect(owner, autocommit=True), ended
        parameters = pika.URLParameters(amqp)
        parameters.heartbeat = 0  # nothing answers RabbitMQ's between two runs
        self._channel = pika.BlockingConnection(parameters).channel()
        self._context = process._contexts["probe"]
        self._batches = {name: function._batches for name, function in process._functions.items()}

    async def run(self, groups: Sequence[Sequence[Incoming]], *, is_batched: bool) -> dict[str, Any]:
        self._reset()
        handled.clear()
        for name, function in self._process._functions.items():
            function._batches = self._batches[name] if is_batched else None
        for batches in self._batches.values():
            if batches is not None:
                batches._attempted.clear()  # as a process that has just started, to which each message is new
                batches._reads_rare_rows_until.clear()
        for group in groups:
            await asyncio.gather(*(self._handle(each) for each in group))
        fault.what = "over"
        await self._context.outbox_publisher.sweep()  # what was not confirmed
        marker = {"correlationid": "end", "outcome": "", "status": ""}
        await self._context.bus.publish_unconfirmed(REPLIES, "replies", marker, b"")
        await asyncio.sleep(0.01)
        replies = [(properties.headers["correlationid"], properties.headers["outcome"], properties.headers["status"], body.decode())
                   for properties, body in self._take("replies", is_last=lambda headers: headers == marker)]  # fmt: skip
        published: dict[str, tuple[str, ...]] = {}
        for properties, body in self._take("events"):
            published |= _events(properties.headers, body)
        tables = {name: self._owner.execute(statement).fetchall() for name, statement in TABLES.items()}
        return {"replies": sorted(replies[:-1]), "events": sorted(published.values()), **tables}

    async def _handle(self, incoming: Incoming) -> None:
        assert await self._process.handle_message(f"/{incoming.path}", incoming.headers, incoming.body)
        handled.setdefault(incoming.key, (next(_counter), incoming.headers["correlationid"]))

    def _reset(self) -> None:
        self._owner.execute(f"TRUNCATE {', '.join(TABLES)}, parked, revoked_sessions RESTART IDENTITY CASCADE")
        self._owner.execute("INSERT INTO revoked_sessions (session_id, revoked_at) SELECT unnest(%s::uuid[]), '2020-01-01'", (list(self._ended),))
        for queue in ("replies", "events", "functions"):
            self._channel.queue_purge(queue)

    def _take(self, queue: str, is_last: Callable[[Any], bool] = lambda headers: False) -> list[tuple[Any, bytes]]:
        received: list[tuple[Any, bytes]] = []
        while True:
            method, properties, body = self._channel.basic_get(queue, auto_ack=True)
            if method is None:
                return received
            received.append((properties, body))
            if is_last(properties.headers):
                return received


def _events(headers: dict[str, str], body: bytes) -> dict[str, tuple[str, ...]]:
    """Id → event. Of audit.recorded, each record: those that are sent again may be in a message with others, and receivers know them by their ids."""
    if headers["type"] == AuditRecorded.type:
        return {each["id"]: (headers["type"], each["function"], each["outcome"]) for each in json.loads(body)["records"]}
    return {headers["id"]: _event(headers, body)}


def _event(headers: dict[str, str], body: bytes) -> tuple[str, ...]:
    document = {name: value for name, value in json.loads(body).items() if name not in RANDOM_IDS}
    return (headers["type"], headers.get("subject", ""), headers.get("sequence", ""), headers.get("causation", ""), json.dumps(document))


def _place(incoming: Incoming) -> tuple[int, bool]:
    """When a message was handled; other deliveries of it come right after."""
    at, correlation = handled[incoming.key]
    return at, incoming.headers["correlationid"] != correlation


def _is_secret(row: Sequence[Any]) -> bool:
    """Whether it is a reply with a secret, which is not stored: where the answer to COMMIT is lost, the caller learns that it was given."""
    return '"token"' in str(row[-1]) or "answer-not-kept" in str(row[-1])


async def compare(process: Process, options: argparse.Namespace) -> dict[str, Any]:
    global fault
    trial = Trial(process, options.owner, options.amqp, options.ended.split(","))
    seed, differences, runs, faults = random.Random(options.seed), [], 0, 0
    for _ in range(options.sets):
        messages = incoming(seed, options.messages, options.tokens.split(","), options.sealed)
        serial: dict[tuple[Incoming, ...], dict[str, Any]] = {}
        groups = partition(seed, messages)
        candidates, is_first = [Fault(), Fault()], True
        while candidates:
            fault = candidates.pop()
            label = str(fault)
            result = await trial.run(groups, is_batched=True)
            reached, runs, faults = fault.reached, runs + 1, faults + (0 < fault.at <= fault.reached)
            order = tuple(sorted(messages, key=_place))
            is_done, fault = fault.is_done, Fault()
            if order not in serial:
                serial[order] = await trial.run([[each] for each in order], is_batched=False)
            for name in result:
                expected, found = ([row for row in each[name] if not (is_done and _is_secret(row))] for each in (serial[order], result))
                if expected != found:
                    lacking, additional = [each for each in expected if each not in found], [each for each in found if each not in expected]
                    differences.append({"fault": label, "what": name, "lacking": lacking or expected, "additional": additional or found})
            if len(candidates) == 0 and is_first:
                is_first = False
                points = [Fault("statement", at, done) for at in range(1, reached + 1) for done in (False, True)]
                points += [Fault("publication", at, done) for at in range(1, len(result["events"]) + 1) for done in (False, True)]
                candidates = points if options.faults == 0 else seed.sample(points, min(options.faults, len(points)))
            groups = partition(seed, messages)
    return {"runs": runs, "faults": faults, "differences": differences[:3]}


async def main(options: argparse.Namespace) -> int:
    grouping.pool_size = lambda *_: 1  # type: ignore[assignment]
    outbox_publisher.SWEEP_AFTER_SECONDS, outbox_publisher.AUDIT_DELAY_SECONDS, outbox_publisher.DELETE_DELAY_SECONDS = 0, 0.001, 0.001
    batch(BATCHED, 16)
    process = Process(Settings())
    await process.start()
    break_at_faults()
    try:
        result = await compare(process, options)
    finally:
        await process.stop()
    print(json.dumps(result, default=str))
    return 1 if result["differences"] else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("owner", "amqp", "ended", "tokens", "sealed"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("seed", "sets", "messages", "faults"):
        parser.add_argument(f"--{name}", type=int, required=True)
    sys.exit(uvloop.run(main(parser.parse_args())))
