"""Replies of one turn of the event loop are one message to a requester that reads batches, and each reaches its own request."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pika
import pytest

from functions.runtime.messaging.bus import Bus, Reply
from functions.runtime.messaging.exchanges import COMMANDS, REPLIES
from functions.runtime.messaging.reply_batches import MAX_BATCH_BYTES, MAX_REPLIES
from functions.runtime.serving import topology
from functions.wire import reply_batches
from tests.waiting import wait_limit

FUNCTION, SECONDS = "probe.echo", 20.0
DONE = ("done", 200, b"{}")


class Line:
    """A requester, a function that collects requests until it is to reply, and a queue with a copy of every reply's message."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requester, self.function = Bus(url, "requester", replies=True), Bus(url, "function")
        self.requests: dict[str, Mapping[str, str]] = {}
        self._arrived = asyncio.Event()
        self._consuming = asyncio.Event()

    async def open(self) -> None:
        with pika.BlockingConnection(pika.URLParameters(self.url)) as connection:
            channel = connection.channel()
            topology.declare_exchanges(channel)
            channel.queue_declare("copies", durable=True)
            channel.queue_declare(FUNCTION, durable=True)
            channel.queue_bind(FUNCTION, COMMANDS, FUNCTION)
        self.function.on_connected(lambda connection: connection.channel(on_open_callback=self._consume))
        self.requester.open()
        self.function.open()
        async with asyncio.timeout(wait_limit(SECONDS)):
            await self._consuming.wait()
            await self.requester.wait_until_ready()
            await self.function._reply_channel._ready.wait()
        with pika.BlockingConnection(pika.URLParameters(self.url)) as connection:
            connection.channel().queue_bind("copies", REPLIES, self.requester._reply_queue.name)

    async def close(self) -> None:
        await self.requester.close()
        await self.function.close()

    def _consume(self, channel: Any) -> None:
        channel.basic_consume(FUNCTION, self._on_request, auto_ack=True, callback=lambda _: self._consuming.set())

    def _on_request(self, _: Any, method: Any, properties: Any, body: bytes) -> None:
        self.requests[properties.headers["correlationid"]] = properties.headers
        self._arrived.set()

    def request(self, id: str) -> "asyncio.Task[Reply]":
        headers = {"correlationid": id, "id": id}
        return asyncio.create_task(self.requester.request(FUNCTION, headers, b"{}", wait_limit(SECONDS), keep=False))

    async def all_requested(self, *ids: str) -> None:
        async with asyncio.timeout(wait_limit(SECONDS)):
            while not set(ids) <= self.requests.keys():
                self._arrived.clear()
                await self._arrived.wait()

    async def reply(self, replies: Mapping[str, tuple[str, int, bytes]]) -> None:
        """Reply to all of them in one turn of the event loop, as a function does."""
        await asyncio.gather(*(self._reply(id, *reply) for id, reply in replies.items()))

    async def _reply(self, id: str, outcome: str, status: int, body: bytes) -> None:
        headers = {"correlationid": id, "outcome": outcome, "status": str(status)}
        request = next(iter(self.requests.values())) if id not in self.requests else self.requests[id]
        is_sent = await self.function.reply(request["replyto"], headers, body, reads_batches=reply_batches.ATTRIBUTE in request)
        assert is_sent

    def messages(self) -> list[tuple[str | None, int]]:
        """Content type and size of the body of each message since the last call."""
        found = []
        with pika.BlockingConnection(pika.URLParameters(self.url)) as connection:
            channel = connection.channel()
            while (got := channel.basic_get("copies", auto_ack=True))[0] is not None:
                found.append((got[1].content_type, len(got[2])))
        return found

    def publish_reply(self, headers: Mapping[str, str], body: bytes, content_type: str | None) -> None:
        properties = pika.BasicProperties(headers=dict(headers), content_type=content_type)
        with pika.BlockingConnection(pika.URLParameters(self.url)) as connection:
            connection.channel().basic_publish(REPLIES, self.requester._reply_queue.name, body, properties)


@pytest.fixture
async def line(rabbitmq: Any) -> AsyncIterator[Line]:
    line = Line(rabbitmq.vhost())
    await line.open()
    yield line
    await line.close()


def parts(reply: Reply) -> tuple[str, int, bytes]:
    assert reply.headers["correlationid"]
    return reply.outcome, reply.status, reply.body


async def test_replies_of_all_sizes_and_outcomes_reach_their_requests(line: Line) -> None:
    kinds = [DONE, ("done", 204, b""), ("rejected", 404, b'{"type":"/problems/unknown-user"}'), ("failed", 503, b"{}")]
    expected = {str(uuid4()): kinds[number % 4] for number in range(MAX_REPLIES + 10)}
    large = {str(uuid4()): ("done", 200, bytes([ord("a") + number]) * (MAX_BATCH_BYTES // 2 + 1)) for number in range(2)}
    larger = {str(uuid4()): ("done", 200, b"x" * (MAX_BATCH_BYTES * 3))}
    everything = {**expected, **large, **larger}
    waiting = {id: line.request(id) for id in everything}
    await line.all_requested(*everything)
    await line.reply(everything)
    assert {id: parts(await reply) for id, reply in waiting.items()} == everything
    first, rest, second, last = line.messages()
    assert first[0] == rest[0] == reply_batches.CONTENT_TYPE  # 64 replies; 10 and the first large one
    assert (second, last) == ((None, MAX_BATCH_BYTES // 2 + 1), (None, MAX_BATCH_BYTES * 3))
    assert rest[1] < 2 * MAX_BATCH_BYTES


async def test_a_reply_alone_is_sent_as_it_is(line: Line) -> None:
    waiting = line.request("only-one")
    await line.all_requested("only-one")
    await line.reply({"only-one": ("rejected", 409, b'{"a":1}')})
    assert parts(await waiting) == ("rejected", 409, b'{"a":1}')
    assert line.messages() == [(None, 7)]


async def test_a_requester_of_a_former_release_gets_one_message_for_each_reply(line: Line) -> None:
    ids = [f"former-{number}" for number in range(5)]
    waiting = [line.request(id) for id in ids]
    await line.all_requested(*ids)
    line.requests = {id: {"replyto": headers["replyto"]} for id, headers in line.requests.items()}
    await line.reply(dict.fromkeys(ids, DONE))
    assert [parts(await each) for each in waiting] == [DONE] * 5
    assert line.messages() == [(None, 2)] * 5


async def test_callers_that_gave_up_and_unknown_ids_take_nothing_from_the_others(line: Line) -> None:
    ids = ["gave-up-1", "stays", "gave-up-2"]
    waiting = {id: line.request(id) for id in ids}
    await line.all_requested(*ids)
    for id in ("gave-up-1", "gave-up-2"):
        waiting[id].cancel()
        with suppress(asyncio.CancelledError):
            await waiting[id]
    await line.reply({**dict.fromkeys(ids, DONE), "nobody": DONE, "stays": ("done", 200, b'"mine"')})
    assert parts(await waiting["stays"]) == ("done", 200, b'"mine"')
    assert len(line.messages()) == 1


async def test_a_malformed_batch_is_dropped_and_the_connection_goes_on(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    waiting = line.request("after-it")
    await line.all_requested("after-it")
    line.publish_reply({}, b'[{"id": "after-it"}]', reply_batches.CONTENT_TYPE)
    line.publish_reply({}, b"no JSON", reply_batches.CONTENT_TYPE)
    await line.reply({"after-it": DONE})
    assert parts(await waiting) == DONE
    assert caplog.text.count("cannot be handled and is dropped") == 2


async def test_replies_to_two_requesters_do_not_mix(line: Line) -> None:
    other = Bus(line.url, "other", replies=True)
    other.open()
    try:
        first = line.request("of-the-first")
        second = asyncio.create_task(other.request(FUNCTION, {"correlationid": "of-the-second"}, b"{}", wait_limit(SECONDS), keep=False))
        await line.all_requested("of-the-first", "of-the-second")
        await line.reply({"of-the-first": ("done", 200, b"1"), "of-the-second": ("done", 200, b"2")})
        assert (parts(await first)[2], parts(await second)[2]) == (b"1", b"2")
        assert line.messages() == [(None, 1)]
    finally:
        await other.close()
