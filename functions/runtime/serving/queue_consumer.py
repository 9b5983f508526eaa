"""Consumes the queues of the function's own Triggers and handles the messages in this process.

By default a message reaches a function as an HTTP request from the Broker's dispatcher. Where the environment names queues
(`functions.wire.queue_consumption`; the one-machine Knative sets it for Services with the annotation
`local.capsule.dev/consumes: "true"`), a warm process takes its messages from RabbitMQ itself and saves that hop. Invariants:

- The same rules turn a message into the same request to the same application (`functions.wire.knative_requests`). A message
  that those rules pass on unchanged is handed to the runtime without building a request.
- Only a response of 2xx is acknowledged. Otherwise the message returns to its queue, this process stops consuming for
  PAUSE_SECONDS, and the dispatcher applies its own rules (retries, backoff, dead letters).
- Two consumers on one queue are safe: RabbitMQ delivers each message to one of them, and redelivers it when that one is gone.
  So whenever the process hangs, ends, loses its connection or loses its traffic, the dispatcher consumes again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from pika.exceptions import AMQPError

from functions.wire.access_refusals import CONSUME, refusal_in
from functions.wire.amqp.acknowledgements import Acknowledgements
from functions.wire.knative_requests import PREFETCH, Request, Response, is_plain, prepare_request, reply_event
from functions.wire.queue_consumption import HEARTBEAT_SECONDS, ConsumedQueue, PodActivity

_log = logging.getLogger("capsule.consumer")

PAUSE_SECONDS = 5.0
REOPEN_AFTER_SECONDS = 1.0
REOPEN_AFTER_REFUSAL_SECONDS = 60.0
"""A missing permission stays missing until an operator grants it; until then the dispatcher pushes."""

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
"""An ASGI application."""
DirectHandler = Callable[[str, Mapping[str, str], bytes], Awaitable[bool]]
"""(path, CloudEvents attributes, data) → True where the application would answer 2xx."""


class QueueConsumer:
    """`handle_directly`: handles unchanged messages without a request; without it every message goes to `application`."""

    def __init__(
        self, application: Application, queues: Sequence[ConsumedQueue], activity: PodActivity, handle_directly: DirectHandler | None = None
    ) -> None:
        self._application = application
        self._handle_directly = handle_directly
        self._queues = queues
        self._activity = activity
        self._loop = asyncio.get_running_loop()
        self._connection: Any = None
        self._channel: Any = None
        self._acknowledgements: Acknowledgements | None = None
        self._consuming: dict[str, ConsumedQueue] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._paused_until = 0.0
        self._is_stopped = False
        self._on_heartbeat()

    # -- channel and consumers ----------------------------------------------------------------------------------------

    def on_connected(self, connection: Any) -> None:
        """Use a new connection to RabbitMQ: a listener of `Bus.on_connected`."""
        self._connection = connection
        self._open_channel()

    def _open_channel(self) -> None:
        if not self._is_stopped and self._connection.is_open:
            self._connection.channel(on_open_callback=self._on_channel_open)

    def _on_channel_open(self, channel: Any) -> None:
        self._channel, self._acknowledgements, self._consuming = channel, Acknowledgements(channel), {}
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_cancel_callback(lambda _: channel.close())  # RabbitMQ cancels a consumer whose queue was deleted
        self._start_consuming()

    def _on_channel_closed(self, channel: Any, reason: Exception) -> None:
        if channel is not self._channel:
            return
        self._channel = self._acknowledgements = None
        self._consuming = {}
        self._write_activity()
        if self._is_stopped or not self._connection.is_open:
            return
        if refusal := refusal_in(reason, CONSUME):
            _log.error("messages are pushed instead of consumed: %s", refusal)
        else:
            _log.warning("RabbitMQ closed the consumer's channel: %s", reason)
        self._loop.call_later(REOPEN_AFTER_REFUSAL_SECONDS if refusal else REOPEN_AFTER_SECONDS, self._open_channel)

    def _start_consuming(self) -> None:
        if self._is_stopped or self._consuming or self._channel is None or not self._channel.is_open or not self._activity.may_consume:
            return
        for queue in self._queues:
            self._channel.basic_qos(prefetch_count=min(queue.parallelism, PREFETCH))
            tag = self._channel.basic_consume(queue.name, self._receiver(queue), callback=lambda _: self._write_activity())
            self._consuming[tag] = queue

    def _stop_consuming(self) -> None:
        """Let the dispatcher take over. Messages in flight end here; pika rejects what RabbitMQ sends meanwhile, which requeues it."""
        consuming, self._consuming = self._consuming, {}
        self._write_activity()
        if self._channel is not None and self._channel.is_open:
            for tag in consuming:
                self._channel.basic_cancel(tag)

    def _write_activity(self) -> None:
        self._activity.is_consuming = bool(self._consuming)
        self._activity.send_heartbeat()

    def _on_heartbeat(self) -> None:
        self._activity.send_heartbeat()
        if self._is_stopped:
            return
        self._loop.call_later(HEARTBEAT_SECONDS, self._on_heartbeat)
        if self._consuming and not self._activity.may_consume:
            self._stop_consuming()
        elif not self._consuming and self._loop.time() >= self._paused_until:
            self._start_consuming()

    async def stop(self) -> None:
        """Cancel the consumers, then wait for messages in flight and acknowledge them."""
        self._is_stopped = True
        self._stop_consuming()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._acknowledgements is not None:
            self._acknowledgements.flush()

    # -- messages -----------------------------------------------------------------------------------------------------

    def _receiver(self, queue: ConsumedQueue) -> Callable[[Any, Any, Any, bytes], None]:
        def on_message(_: Any, method: Any, properties: Any, body: bytes) -> None:
            acknowledgements = self._acknowledgements
            if acknowledgements is not None:
                acknowledgements.add(method.delivery_tag)
                task = self._loop.create_task(self._deliver(queue, acknowledgements, method.delivery_tag, properties, body))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        return on_message

    async def _deliver(self, queue: ConsumedQueue, acknowledgements: Acknowledgements, tag: int, properties: Any, body: bytes) -> None:
        started_ns = self._activity.start_message()
        try:
            is_handled = await self._handle(queue, properties, body)
        except Exception:  # noqa: BLE001  the dispatcher decides about every failure
            _log.exception("a message of %s failed and returns to its queue", queue.name)
            is_handled = False
        finally:
            self._activity.finish_message(started_ns)
        if is_handled:
            acknowledgements.acknowledge(tag)
            return
        self._paused_until = self._loop.time() + PAUSE_SECONDS
        self._stop_consuming()
        try:
            acknowledgements.requeue(tag)
        except AMQPError as error:
            _log.info("RabbitMQ requeues a message of %s when its channel closes: %s", queue.name, error)

    async def _handle(self, queue: ConsumedQueue, properties: Any, body: bytes) -> bool:
        if self._handle_directly is not None and is_plain(properties.headers, properties.content_type):
            async with asyncio.timeout(queue.timeout_seconds):
                return await self._handle_directly(queue.path, properties.headers, body)
        request = prepare_request(properties.headers, properties.content_type, body, queue.url)
        if not isinstance(request, Request):
            return False
        async with asyncio.timeout(queue.timeout_seconds):
            response = await call_application(self._application, queue.path, request)
        return 200 <= response.status < 300 and reply_event(response) is None


async def call_application(application: Application, path: str, request: Request) -> Response:
    """Call an ASGI application as a server does (ASGI 3.0, HTTP connection scope) and return its whole response."""
    body = request.event.data
    headers = [(name.lower().encode("latin-1"), value.encode()) for name, value in request.headers.items()]
    headers.append((b"content-length", str(len(body)).encode()))
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "server": ("127.0.0.1", 0), "client": ("127.0.0.1", 0), "state": {},
    }  # fmt: skip
    sent: list[Any] = []
    is_body_received = False

    async def receive() -> Any:
        nonlocal is_body_received
        if is_body_received:
            return {"type": "http.disconnect"}
        is_body_received = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    start = sent[0]
    response_headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start.get("headers", ())}
    return Response(start["status"], response_headers, b"".join(message.get("body", b"") for message in sent[1:]))
