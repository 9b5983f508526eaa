"""A pod that takes the messages of its own Triggers from RabbitMQ itself and calls its own ASGI application with them, in its own process.

On a cluster each message makes a hop: queue → dispatcher → HTTP → function. On one machine both ends are ours and the
hop is a fifth of a message's cost, so a Service that says `local.capsule.dev/consumes: "true"` is spared it while it is
warm. Nothing else changes. The same pure rules (dispatch.py) turn the message into the same request to the same
application. A message of which those rules say that it arrives just as it was sent needs not even that: it is handed to
what the application would hand it to. And what is not simply answered with 2xx is none of this module's business: the
message goes back into its queue, the pod stops consuming for a while, and the dispatcher, who sees that, comes back and
applies its own rules (retry, back-off, dead letters) by its own push.

Measured at 100 and 200 events a second on a machine that others kept busy (load 25 on 2 cores), published → committed:
50–180 ms where pushing took 750–2100, for two thirds of the CPU. With the weight of one process for all pods together
(`processes_limits.Groups`) both took seconds there.

Two consumers on one queue are always safe: RabbitMQ gives a message to one of them, and to another when that one is
gone. So every doubt (the pod hangs, it is told to end, its connection is lost, its revision lost the traffic) is
settled by the dispatcher consuming again.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pika.exceptions import AMQPError

from functions.wire.access_refusals import CONSUME, refusal_in
from knative.local.eventing import dispatch
from knative.local.eventing.acknowledgements import Acknowledgements
from knative.local.eventing.dispatch import Request
from knative.local.serving.activity import ACTIVITY, BEAT, QUEUES, Activity

log = logging.getLogger(__name__)

PAUSE = 5.0
"""Seconds for which the dispatcher has a queue to itself after a message that was not simply handled."""
AGAIN = 1.0
REFUSED_AGAIN = 60.0
"""A missing permission does not pass by itself; until it is granted the dispatcher pushes."""

Scope = MutableMapping[str, Any]
Take = Callable[[str, Mapping[str, str], bytes], Awaitable[bool]]
"""(path, CloudEvents attributes, data) → whether it is settled, where the application would answer 2xx"""
Application = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Queue:
    """One Trigger, as its dispatcher has it."""

    name: str
    url: str
    path: str
    parallelism: int
    timeout: float | None

    def told(self) -> dict[str, Any]:
        return {"name": self.name, "url": self.url, "path": self.path, "parallelism": self.parallelism, "timeout": self.timeout}


class Consumer:
    def __init__(self, application: Application, queues: list[Queue], activity: Activity, take: Take | None = None) -> None:
        self._application = application
        self._take = take
        self._queues = queues
        self._activity = activity
        self._loop = asyncio.get_running_loop()
        self._connection: Any = None
        self._channel: Any = None
        self._acks: Acknowledgements | None = None
        self._consuming: dict[str, Queue] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._paused_until = 0.0
        self._stopped = False
        self._beat()

    @classmethod
    def of(cls, environment: Mapping[str, str], application: Application, take: Take) -> "Consumer | None":
        """None where nobody said that this process is to consume: on a cluster, or where messages are pushed."""
        if not environment.get(QUEUES):
            return None
        return cls(application, [Queue(**each) for each in json.loads(environment[QUEUES])], Activity(Path(environment[ACTIVITY])), take)

    # --- coming and going

    def connected(self, connection: Any) -> None:
        """There is a new connection to RabbitMQ."""
        self._connection = connection
        self._open()

    def _open(self) -> None:
        if not self._stopped and self._connection.is_open:
            self._connection.channel(on_open_callback=self._opened)

    def _opened(self, channel: Any) -> None:
        self._channel, self._acks, self._consuming = channel, Acknowledgements(channel), {}
        channel.add_on_close_callback(self._closed)
        channel.add_on_cancel_callback(lambda _: channel.close())  # the queue was deleted
        self._consume()

    def _closed(self, channel: Any, reason: Exception) -> None:
        if channel is self._channel:
            self._channel = self._acks = None
            self._consuming = {}
            self._tell()
            if self._stopped or not self._connection.is_open:
                return
            if refusal := refusal_in(reason, CONSUME):
                log.error("messages are pushed, not consumed here: %s", refusal)
            else:
                log.warning("a channel was closed: %s", reason)
            self._loop.call_later(REFUSED_AGAIN if refusal else AGAIN, self._open)

    def _consume(self) -> None:
        if self._stopped or self._consuming or self._channel is None or not self._channel.is_open or not self._activity.may_consume:
            return
        for queue in self._queues:
            self._channel.basic_qos(prefetch_count=min(queue.parallelism, dispatch.PREFETCH))
            tag = self._channel.basic_consume(queue.name, self._receiver(queue), callback=lambda _: self._tell())
            self._consuming[tag] = queue

    def _leave(self) -> None:
        """The dispatcher takes over. What is under way ends here; what RabbitMQ is just sending goes back (pika rejects it)."""
        consuming, self._consuming = self._consuming, {}
        self._tell()
        if self._channel is not None and self._channel.is_open:
            for tag in consuming:
                self._channel.basic_cancel(tag)

    def _tell(self) -> None:
        self._activity.consuming = bool(self._consuming)
        self._activity.beat()

    def _beat(self) -> None:
        self._activity.beat()
        if self._stopped:
            return
        self._loop.call_later(BEAT, self._beat)
        if self._consuming and not self._activity.may_consume:
            self._leave()
        elif not self._consuming and self._loop.time() >= self._paused_until:
            self._consume()

    async def stop(self) -> None:
        """Cancels first, then lets what is under way end."""
        self._stopped = True
        self._leave()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._acks is not None:
            self._acks.flush()

    # --- messages

    def _receiver(self, queue: Queue) -> Callable[[Any, Any, Any, bytes], None]:
        def received(_: Any, method: Any, properties: Any, body: bytes) -> None:
            acks = self._acks
            if acks is not None:
                acks.add(method.delivery_tag)
                task = self._loop.create_task(self._deliver(queue, acks, method.delivery_tag, properties, body))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        return received

    async def _deliver(self, queue: Queue, acks: Acknowledgements, tag: int, properties: Any, body: bytes) -> None:
        began = self._activity.began()
        try:
            handled = await self._handle(queue, properties, body)
        except Exception:
            log.exception("a message of %s was not handled here", queue.name)
            handled = False
        finally:
            self._activity.ended(began)
        if handled:
            acks.acknowledge(tag)
            return
        self._paused_until = self._loop.time() + PAUSE
        self._leave()
        try:
            acks.requeue(tag)
        except AMQPError as error:
            log.info("a message of %s returns by itself: %s", queue.name, error)

    async def _handle(self, queue: Queue, properties: Any, body: bytes) -> bool:
        if self._take is not None and dispatch.is_plain(properties.headers, properties.content_type):
            async with asyncio.timeout(queue.timeout):
                return await self._take(queue.path, properties.headers, body)
        request = dispatch.prepare_request(properties.headers, properties.content_type, body, queue.url)
        if not isinstance(request, Request):
            return False
        async with asyncio.timeout(queue.timeout):
            answer = await ask(self._application, queue.path, request)
        return 200 <= answer.status < 300 and dispatch.reply_event(answer) is None


async def ask(application: Application, path: str, request: Request) -> dispatch.Response:
    """The request as an ASGI server would hand it over, and the whole answer."""
    body = request.event.data
    headers = [(name.lower().encode("latin-1"), value.encode()) for name, value in request.headers.items()]
    headers.append((b"content-length", str(len(body)).encode()))
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "server": ("127.0.0.1", 0), "client": ("127.0.0.1", 0), "state": {},
    }  # fmt: skip
    sent: list[Any] = []
    taken = False

    async def receive() -> Any:
        nonlocal taken
        if taken:
            return {"type": "http.disconnect"}
        taken = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    start = sent[0]
    said = {name.decode("latin-1"): value.decode("latin-1") for name, value in start.get("headers", ())}
    return dispatch.Response(start["status"], said, b"".join(message.get("body", b"") for message in sent[1:]))
