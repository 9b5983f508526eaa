"""Queues of a real RabbitMQ as autoscaling reads them, and servers that are none or do not answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pika
import pytest

from knative.local.autoscaling.decision import MetricUnavailable
from knative.local.autoscaling.destinations import Destinations
from knative.local.autoscaling.rabbitmq_queues import RabbitAddress, count_waiting


class Loopback(Destinations):
    """Where the tests run, a server elsewhere listens on the loopback."""

    async def address_of(self, host: str, port: int) -> str:
        return host


@pytest.fixture(scope="module")
def url(rabbitmq) -> str:  # type: ignore[no-untyped-def]
    return str(rabbitmq.vhost())


def publish(url: str, queue: str, count: int, unacknowledged: int = 0) -> pika.BlockingConnection:
    """Return the connection of the consumer that holds the unacknowledged messages."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.queue_declare(queue, durable=True)
    channel.confirm_delivery()
    for _ in range(count):
        channel.basic_publish("", queue, b"job")
    for _ in range(unacknowledged):
        channel.basic_get(queue)
    return connection


async def test_messages_that_no_consumer_has_are_counted(url: str) -> None:
    consumer = await asyncio.to_thread(publish, url, "mail jobs", 7, 2)
    assert await count_waiting(url, "mail jobs", Loopback()) == 5
    await asyncio.to_thread(consumer.close)
    assert await count_waiting(url, "mail jobs", Loopback()) == 7


async def test_what_the_server_refuses_is_the_reason(url: str) -> None:
    with pytest.raises(MetricUnavailable, match="404 NOT_FOUND - no queue 'nothing'"):
        await count_waiting(url, "nothing", Loopback())
    password = RabbitAddress.parse(url).password
    with pytest.raises(MetricUnavailable, match="403 ACCESS_REFUSED"):
        await count_waiting(url.replace(password, "wrong"), "mail", Loopback())
    with pytest.raises(MetricUnavailable, match="vhost"):
        await count_waiting(url.rpartition("/")[0] + "/other", "mail", Loopback())
    with pytest.raises(MetricUnavailable, match="applications do not reach"):
        await count_waiting(url, "mail", Destinations())


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[str]:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is not None:
            writer.write(answer)
            await writer.drain()
            writer.close()
        else:
            await reader.read()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"amqp://a:b@127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    finally:
        listening.close()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"AMQP\x00\x01\x00\x00", b"", b"\x01" + b"\x00" * 400_000])
async def test_another_kind_of_server_is_recognized(answer: bytes) -> None:
    async with server(answer) as url:
        with pytest.raises(MetricUnavailable, match="rabbitmq: "):
            await count_waiting(url, "mail", Loopback())


async def test_a_server_that_never_answers_is_left() -> None:
    async with server(None) as url:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await count_waiting(url, "mail", Loopback())


def test_a_url_is_read_as_rabbitmq_does() -> None:
    assert RabbitAddress.parse("amqp://h") == RabbitAddress("h", 5672, "guest", "guest", "/", False)
    assert RabbitAddress.parse("amqps://u:p%40@h:1/a%2Fb") == RabbitAddress("h", 1, "u", "p@", "a/b", True)
    with pytest.raises(MetricUnavailable, match="amqp://"):
        RabbitAddress.parse("redis://h")


async def test_only_addresses_that_applications_reach_are_connected_to() -> None:
    destinations = Destinations(["10.1.0.0/16"], own=lambda: ["93.184.216.34", "10.1.0.9"])
    assert await destinations.address_of("8.8.8.8", 5672) == "8.8.8.8"
    assert await destinations.address_of("10.1.2.3", 5672) == "10.1.2.3"
    for host in ("127.0.0.1", "localhost", "10.2.0.1", "169.254.169.254", "93.184.216.34", "10.1.0.9", "0.0.0.0"):
        with pytest.raises(MetricUnavailable, match="do not reach"):
            await destinations.address_of(host, 5672)
    with pytest.raises(MetricUnavailable, match="has no IPv4 address"):
        await destinations.address_of("::1", 5672)
