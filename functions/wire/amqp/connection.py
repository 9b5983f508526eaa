"""A connection to RabbitMQ that is restored whenever it is lost."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pika

from functions.wire.amqp.deliveries import DeliveryConnection
from functions.wire.amqp.stream import StreamServices

FIRST_RECONNECT_SECONDS = 0.2
MAX_RECONNECT_SECONDS = 5.0
CLOSE_TIMEOUT_SECONDS = 2.0
HEARTBEAT_SECONDS = 30

ConnectedListener = Callable[[Any], None]
"""Called with each new pika connection."""
Address = str | Callable[[], str]
"""An AMQP URL, or a function that returns the present one: it is called for each attempt to connect, so that passwords can change."""
LostListener = Callable[[Exception], None]
"""Called with the reason when the connection is lost, and for each attempt to connect that failed."""


class Connection:
    """One connection at a time. Reconnects with exponential backoff until `close`. Must be used on one event loop."""

    def __init__(self, url: Address, name: str, max_reconnect_seconds: float = MAX_RECONNECT_SECONDS) -> None:
        """`name`: shown in RabbitMQ's management UI."""
        self._url = url
        self._name = name
        self.parameters = self._present_parameters()
        self._connection: Any = None
        self._on_connected: list[ConnectedListener] = []
        self._on_lost: list[LostListener] = []
        self._reconnect_seconds, self._max_reconnect_seconds = FIRST_RECONNECT_SECONDS, max_reconnect_seconds
        self._reconnecting: asyncio.TimerHandle | None = None
        self._is_closing = False

    def _present_parameters(self) -> pika.URLParameters:
        parameters = pika.URLParameters(self._url if isinstance(self._url, str) else self._url())
        parameters.heartbeat = HEARTBEAT_SECONDS
        parameters.blocked_connection_timeout = None
        parameters.connection_attempts = 1
        parameters.client_properties = {"connection_name": self._name}
        return parameters

    @property
    def address(self) -> str:
        return f"{self.parameters.host}:{self.parameters.port}"

    @property
    def is_open(self) -> bool:
        return self._connection is not None and bool(self._connection.is_open)

    @property
    def is_closing(self) -> bool:
        return self._is_closing

    @property
    def inner(self) -> Any:
        """The pika connection: the current one, or the last one that was lost."""
        return self._connection

    def add_connected_listener(self, listener: ConnectedListener) -> None:
        """Call `listener` for each new connection, and now if there is an open one."""
        self._on_connected.append(listener)
        if self.is_open:
            listener(self._connection)

    def add_lost_listener(self, listener: LostListener) -> None:
        self._on_lost.append(listener)

    def open(self) -> None:
        """Start connecting on the running event loop. Returns at once."""
        logging.getLogger("pika").setLevel(logging.CRITICAL)  # pika logs each failed attempt with a traceback; listeners log it once
        self._connect()

    def _connect(self) -> None:
        self._reconnecting = None
        self.parameters = self._present_parameters()
        self._connection = DeliveryConnection(
            self.parameters,
            on_open_callback=self._handle_open,
            on_open_error_callback=self._handle_lost,
            on_close_callback=self._handle_lost,
            custom_ioloop=StreamServices(asyncio.get_running_loop()),
        )

    async def close(self) -> None:
        """Close the connection and wait up to CLOSE_TIMEOUT_SECONDS; RabbitMQ closes its end by itself after that."""
        self._is_closing = True
        if self._reconnecting is not None:
            self._reconnecting.cancel()
        if not self.is_open:
            return
        closed = asyncio.Event()
        self._connection.add_on_close_callback(lambda *_: closed.set())
        self._connection.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(closed.wait(), timeout=CLOSE_TIMEOUT_SECONDS)

    def _handle_open(self, connection: Any) -> None:
        if self._is_closing:
            connection.close()
            return
        self._reconnect_seconds = FIRST_RECONNECT_SECONDS
        for listener in self._on_connected:
            listener(connection)

    def _handle_lost(self, _: Any, error: Exception | str) -> None:
        reason = error if isinstance(error, Exception) else ConnectionError(error)
        if not self._is_closing:
            self._reconnecting = asyncio.get_running_loop().call_later(self._reconnect_seconds, self._connect)
            self._reconnect_seconds = min(self._reconnect_seconds * 2, self._max_reconnect_seconds)
        for listener in self._on_lost:
            listener(reason)
