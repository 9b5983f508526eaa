"""Responses that are streams of server-sent events (`kernel.EventStream`).

The gateway stores nothing of a stream. It asks the function again, with the id of the last event that it sent, so the stream
continues at any gateway with the header Last-Event-ID. Before each question the access token is verified again: a stream ends
within a second with its session, and with the caller's access, which the function checks.

    events      as the function returns them, each with its id
    heartbeat   a comment, after HEARTBEAT_SECONDS without an event
    problem     the problem document of the refusal that ends the stream: 401, 403, 404
    end         nothing follows; a client that connects again gets 204, which ends the reconnecting of an EventSource

A stream also ends, without an event, after MAX_SECONDS and when the gateway stops. The client connects again.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import orjson
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from functions.edge.gateway.problems import TOO_MANY, UNAVAILABLE, Problem
from functions.edge.gateway.responses import PRIVATE, BytesResponse
from functions.runtime.messaging.bus import Reply
from functions.wire.server_sent_events import HEARTBEAT, MEDIA_TYPE, Event, encode_retry

POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
MAX_SECONDS = 15 * 60.0
RETRY_MILLISECONDS = 2000
MAX_OF_CALLER = 16
"""Streams of one user at one gateway: each costs a request to a function per second."""
MAX_STREAMS = 400
"""At one gateway."""
RETRY_AFTER_SECONDS = 10
PASSING = frozenset({429, 503, 504})
"""Statuses of a refusal that a later question may not get: the stream goes on."""
HEADERS = [(b"content-type", MEDIA_TYPE.encode()), PRIVATE, (b"x-accel-buffering", b"no")]

Ask = Callable[[str | None], Awaitable[Reply]]
"""Asks the function for what follows an event id. Raises Problem."""
DocumentOf = Callable[[Problem | Reply], bytes]
"""Returns the problem document of a refusal."""


class EventStreamResponse(BytesResponse):
    """Sends chunks as they come. `release` is called when the response has ended, however it ends."""

    def __init__(self, chunks: AsyncIterator[bytes], release: Callable[[], None]) -> None:
        super().__init__(200)
        self.raw_headers = list(HEADERS)
        self._chunks = chunks
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = StreamingResponse(self._chunks if scope["method"] != "HEAD" else _nothing(), self.status_code)
            response.raw_headers = self.raw_headers
            await response(scope, receive, send)
        finally:
            self._release()


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


class EventStreams:
    def __init__(self, poll_seconds: float = POLL_SECONDS, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self._poll_seconds = poll_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._open: Counter[str] = Counter()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End all streams at their next turn."""
        self._stopping.set()

    def response(self, last_id: str | None, reply: Reply, ask: Ask, caller_key: str, document_of: DocumentOf) -> BytesResponse:
        """Return the response to a request for what follows `last_id`, whose first reply is `reply`.

        Raises Problem 429, 503.
        """
        batch = orjson.loads(reply.body)
        if batch["isLast"] and not batch["events"]:
            return BytesResponse(204, b"", [PRIVATE])
        place = self._place(caller_key)
        next(place)
        return EventStreamResponse(self._chunks(last_id, batch, ask, document_of), lambda: next(place, None))

    def _place(self, caller_key: str) -> Iterator[None]:
        """Count a stream until the iterator ends. Raises Problem 429, 503."""
        if self._stopping.is_set() or self._open.total() >= MAX_STREAMS:
            raise Problem(UNAVAILABLE, "Too many event streams are open here. Try again.", retry_after=RETRY_AFTER_SECONDS)
        if self._open[caller_key] >= MAX_OF_CALLER:
            detail = f"You have {MAX_OF_CALLER} event streams open, as many as one caller may have. Close one."
            raise Problem(TOO_MANY, detail, retry_after=RETRY_AFTER_SECONDS)
        self._open[caller_key] += 1
        yield
        self._open[caller_key] -= 1
        if not self._open[caller_key]:
            del self._open[caller_key]

    async def _chunks(self, last_id: str | None, batch: dict[str, Any], ask: Ask, document_of: DocumentOf) -> AsyncIterator[bytes]:
        ends_at, last_sent_at = time.monotonic() + MAX_SECONDS, time.monotonic()
        yield encode_retry(RETRY_MILLISECONDS)
        while True:
            for event in batch["events"]:
                last_id, last_sent_at = event["id"], time.monotonic()
                yield Event(event["name"], orjson.dumps(event["data"]).decode(), last_id).encode()
            if batch["isLast"]:
                yield Event("end", "{}").encode()
                return
            if await self._has_stopped() or time.monotonic() >= ends_at:
                return
            if time.monotonic() - last_sent_at >= self._heartbeat_seconds:
                last_sent_at = time.monotonic()
                yield HEARTBEAT
            refusal: Problem | Reply
            try:
                reply = refusal = await ask(last_id)
                status = 0 if reply.outcome == "done" else reply.status
            except Problem as problem:
                refusal, status = problem, problem.kind.status
            if status == 0:
                batch = orjson.loads(reply.body)
            elif status in PASSING:
                batch = {"events": [], "isLast": False}
            else:
                yield Event("problem", document_of(refusal).decode()).encode()
                return

    async def _has_stopped(self) -> bool:
        """Wait until the next question."""
        try:
            async with asyncio.timeout(self._poll_seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False
