"""Queue → worker, many at a time and at least once: what the broker's dispatcher does. Acknowledged after 2xx, put back after anything else."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pika
from pika.adapters.blocking_connection import BlockingChannel

from functions.runtime.messaging.exchanges import COMMANDS, REDELIVERY

BREATH = 0.05
"""Seconds before a message that was not taken goes back to its queue."""


def event_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """A message's AMQP headers as those of an HTTP request (CloudEvents, binary mode)."""
    kept = {name: str(value) for name, value in headers.items() if not name.startswith("x-") and name != "content-type"}
    named = {name if name in ("traceparent", "tracestate") else f"ce-{name}": value for name, value in kept.items()}
    return {**named, "content-type": "application/json"}


class Pump:
    def __init__(self, amqp: str, port: Callable[[], int], at_once: int = 16, queue: str = "functions") -> None:
        self._amqp = amqp
        self._port = port
        self._queue = queue
        self._at_once = at_once
        self._ended = threading.Event()
        self._client = httpx.Client(timeout=60, trust_env=False, limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once))
        self.under_way = 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with ThreadPoolExecutor(self._at_once) as pool:
            while not self._ended.is_set():
                try:
                    self._carry(pool)
                except (pika.exceptions.AMQPError, OSError):
                    time.sleep(0.2)  # RabbitMQ is away: it comes back, or the test ends
        self._client.close()

    def _carry(self, pool: ThreadPoolExecutor) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(self._amqp))
        try:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=self._at_once)
            consumer = channel.basic_consume(self._queue, partial(self._take, pool, connection))
            while not self._ended.is_set():
                connection.process_data_events(time_limit=0.05)
            channel.basic_cancel(consumer)
            while self.under_way:
                connection.process_data_events(time_limit=0.05)
            connection.process_data_events(time_limit=0)
        finally:
            self.under_way = 0
            if connection.is_open:
                connection.close()

    def _take(self, pool: ThreadPoolExecutor, connection: Any, *message: Any) -> None:
        self.under_way += 1
        pool.submit(self._deliver, connection, *message)

    def _deliver(self, connection: Any, channel: BlockingChannel, method: Any, properties: Any, body: bytes) -> None:
        function = method.routing_key if method.exchange in (COMMANDS, REDELIVERY) else ""
        delivered = self._post(properties.headers, body, function)
        if not delivered:
            time.sleep(BREATH)
        try:
            connection.add_callback_threadsafe(partial(self._settle, channel, method.delivery_tag, delivered))
        except pika.exceptions.ConnectionWrongStateError:
            return  # RabbitMQ went away meanwhile: it gives the message out again

    def _settle(self, channel: BlockingChannel, tag: int, delivered: bool) -> None:
        self.under_way -= 1
        if not channel.is_open:
            return
        if delivered:
            channel.basic_ack(tag)
        else:
            channel.basic_nack(tag, requeue=True)

    def _post(self, headers: Mapping[str, Any], body: bytes, function: str) -> bool:
        try:
            answer = self._client.post(f"http://127.0.0.1:{self._port()}/{function}", headers=event_headers(headers), content=body)
        except httpx.HTTPError:
            return False
        return answer.is_success

    def stop(self) -> None:
        self._ended.set()
        self.thread.join(70)
