"""Deliveries are those that pika reads, however RabbitMQ's bytes arrive."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pika
import pytest

from functions.wire.amqp.connection import Connection

SEED = 20261130
LARGE = bytes(range(256)) * 1200
"""More than one frame: RabbitMQ's frame_max is 128 KiB."""
HEADERS: list[dict[str, Any]] = [{}, {"type": "auth.profile", "tracestate": ""}, {"name": "Zoë 🚀", "count": 7, "flag": True, "nothing": None}]
BODIES = [b"", b"{}", b"x" * 4000, LARGE]


@pytest.fixture
async def channel(rabbitmq: Any) -> AsyncIterator[Any]:
    connection, opened = Connection(rabbitmq.vhost(), "test"), asyncio.get_running_loop().create_future()
    connection.add_connected_listener(lambda inner: inner.channel(on_open_callback=opened.set_result))
    connection.open()
    yield await asyncio.wait_for(opened, 20)
    await connection.close()


async def declared(channel: Any) -> str:
    declared = asyncio.get_running_loop().create_future()
    channel.queue_declare("", exclusive=True, callback=declared.set_result)
    return str((await asyncio.wait_for(declared, 10)).method.queue)


async def test_messages_arrive_whole_however_their_bytes_are_cut(channel: Any) -> None:
    queue, got, expected = await declared(channel), [], []
    connection, chunks, all_arrived = channel.connection, [], asyncio.Event()
    read = connection._on_data_available

    def record(data: bytes) -> None:
        chunks.append(data)
        read(data)

    connection._on_data_available = record

    def on_message(_: Any, method: Any, properties: Any, body: bytes) -> None:
        got.append((method.routing_key, properties.headers, body))
        if len(got) == len(HEADERS) * len(BODIES):
            all_arrived.set()

    channel.basic_consume(queue, on_message, auto_ack=True)
    for headers in HEADERS:
        for body in BODIES:
            channel.basic_publish("", queue, body, pika.BasicProperties(headers=headers))
            expected.append((queue, headers, body))
    await asyncio.wait_for(all_arrived.wait(), 20)
    assert got == expected

    stream, numbers = b"".join(chunks), random.Random(SEED)
    start = stream.index(b"\x00\x3c\x00\x3c") - 7  # the first basic.deliver; before it is the answer to basic.consume
    stream = stream[start:]
    for longest in (1, 7, 50, 3000, len(stream)):
        got.clear()
        before, at = connection.bytes_received, 0
        while at < len(stream):
            end = at + numbers.randint(1, longest) if longest < len(stream) else len(stream)
            if longest == 1 and at > 3000:  # byte for byte is for heads: the large bodies take too long
                end = len(stream)
            read(stream[at:end])
            at = end
        assert got == expected
        assert connection.bytes_received - before == len(stream)


async def test_what_is_no_delivery_and_a_message_for_nobody_are_left_to_pika(channel: Any) -> None:
    """A message that RabbitMQ returns, and messages for a consumer that is being cancelled."""
    returned: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    channel.add_on_return_callback(lambda _, method, properties, body: returned.set_result(body))
    channel.basic_publish("", "nobody", b"back", pika.BasicProperties(headers={}), mandatory=True)
    assert await asyncio.wait_for(returned, 10) == b"back"

    queue, got = await declared(channel), []
    tag = channel.basic_consume(queue, lambda _, method, properties, body: got.append(body))
    cancelled = asyncio.get_running_loop().create_future()
    channel.basic_cancel(tag, callback=cancelled.set_result)
    channel.basic_publish("", queue, b"late", pika.BasicProperties(headers={}))
    await asyncio.wait_for(cancelled, 10)
    assert not got


async def test_a_consumer_that_ends_its_connection_gets_nothing_more(channel: Any) -> None:
    queue, got, closed = await declared(channel), [], asyncio.Event()
    channel.add_on_close_callback(lambda *_: closed.set())

    def on_message(_: Any, method: Any, properties: Any, body: bytes) -> None:
        got.append(body)
        channel.connection._on_stream_terminated(ConnectionError("as when the stream is lost"))

    channel.basic_consume(queue, on_message, auto_ack=True)
    for number in range(5):
        channel.basic_publish("", queue, b"%d" % number, pika.BasicProperties(headers={}))
    await asyncio.wait_for(closed.wait(), 10)
    await asyncio.sleep(0.1)
    assert got == [b"0"]
