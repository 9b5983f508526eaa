"""Streams of server-sent events: the gateway asks a function again and again, and stores nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route as StarletteRoute

from functions.edge.gateway import event_streams
from functions.edge.gateway.event_streams import EventStreams
from functions.edge.gateway.gateway import Gateway
from functions.edge.gateway.options import Options
from functions.kernel import Caller, Declaration, EventStream, Model, StreamRequest, Unauthenticated, query
from functions.kernel.decorators import declarations_of
from functions.runtime.config.registry import Registry
from functions.runtime.messaging.bus import Reply
from tests.gateway.shop import USER, FixedClock, MarkingEncryptor, ScriptedBus, SentMessage, StaticVerifier, declarations, done
from tests.gateway.test_overload import until
from tests.runtime.harness import free_port
from tests.waiting import wait_limit

ORDER = UUID("0190f0a0-0000-7000-8000-00000000000a")
PATH = f"/v1/orders/{ORDER}/events"
TOKEN = {"Authorization": "Bearer good-token"}


class FollowOrder(StreamRequest):
    order_id: UUID


class OrderView(Model):
    step: str


@query(http="GET /v1/orders/{order_id}/events")
async def order_events(request: FollowOrder, caller: Caller) -> EventStream[OrderView]:
    raise NotImplementedError


def with_stream() -> tuple[Declaration, ...]:
    order_events.__module__ = "functions.shop.queries.order_events"
    return (*declarations(), *declarations_of(order_events))


class Verifier(StaticVerifier):
    has_ended = False

    async def verify(self, token: str, at: Any) -> tuple[str, Caller]:
        if self.has_ended:
            raise Unauthenticated("The session of this access token has ended: sign in again.")
        return await super().verify(token, at)


class Order:
    """The stored progress: what happened, in order. The ids of events are its numbers."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.is_finished = False
        self.questions: list[str | None] = []
        self.refusal: Reply | None = None

    def reply(self, message: SentMessage) -> Reply:
        last = message.input.get("lastEventId")
        self.questions.append(last)
        if self.refusal is not None:
            return self.refusal
        events = [{"id": str(n), "name": "order", "data": {"step": step}} for n, step in enumerate(self.steps, start=1) if n > int(last or 0)]
        return done({"events": events, "isLast": self.is_finished})


class Running:
    """A gateway behind a real server: an ASGI transport has no stream that goes on."""

    def __init__(self, order: Order) -> None:
        self.verifier = Verifier()
        self.gateway = Gateway(Registry(with_stream()), ScriptedBus(order.reply), self.verifier, MarkingEncryptor(), FixedClock(), Options())
        self.gateway._streams = EventStreams(poll_seconds=0.02, heartbeat_seconds=0.1)
        port = free_port()
        app = Starlette(routes=[StarletteRoute("/{path:path}", self.gateway.handle, methods=["GET", "HEAD"])])
        self.server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, headers=TOKEN)

    async def __aenter__(self) -> "Running":
        self.task = asyncio.create_task(self.server.serve())
        await until(lambda: self.server.started)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.gateway.drain()
        await self.client.aclose()
        self.server.should_exit = True
        await self.task

    def open_streams(self) -> int:
        return self.gateway._streams._open.total()


async def events(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Events, and comments as `{"comment": …}`."""
    event: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if line.startswith(":"):
            yield {"comment": line[1:].strip()}
        elif line and name != "retry":
            event[name] = value
        elif event:
            yield event
            event = {}


async def read_until(stream: AsyncIterator[dict[str, str]], **members: str) -> list[dict[str, str]]:
    read = []
    async with asyncio.timeout(wait_limit(20)):
        async for event in stream:
            read.append(event)
            if members.items() <= event.items():
                return read
    return read


async def test_a_stream_has_each_event_once_heartbeats_and_an_end() -> None:
    order = Order()
    order.steps = ["paid"]
    async with Running(order) as running, running.client.stream("GET", PATH) as response:
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")
        assert (response.headers["cache-control"], response.headers["x-accel-buffering"]) == ("private, no-store", "no")
        stream = events(response)
        assert await read_until(stream, id="1") == [{"event": "order", "id": "1", "data": '{"step":"paid"}'}]
        assert await read_until(stream, comment="heartbeat") == [{"comment": "heartbeat"}]
        order.steps += ["packed", "sent"]
        order.is_finished = True
        rest = await read_until(stream, event="end")
    assert [each.get("id") for each in rest if "comment" not in each] == ["2", "3", None]


async def test_last_event_id_continues_at_another_gateway_and_a_finished_stream_is_not_opened_again() -> None:
    order = Order()
    order.steps = ["paid", "packed"]
    async with Running(order) as first, first.client.stream("GET", PATH) as response:
        read = await read_until(events(response), id="2")
        assert len(read) == 2
    order.steps.append("sent")
    async with Running(order) as second:
        async with second.client.stream("GET", PATH, headers={"Last-Event-ID": "2"}) as response:
            assert await read_until(events(response), id="3") == [{"event": "order", "id": "3", "data": '{"step":"sent"}'}]
        async with second.client.stream("GET", PATH, params={"lastEventId": "3"}) as response:
            stream = events(response)
            assert await read_until(stream, comment="heartbeat") == [{"comment": "heartbeat"}], "an empty first batch keeps the id"
            order.is_finished = True
            assert (await read_until(stream, event="end"))[-1] == {"event": "end", "data": "{}"}
        assert (await second.client.get(PATH, headers={"Last-Event-ID": "3"})).status_code == 204
        head = await second.client.head(PATH)
        assert (head.status_code, head.headers["content-type"], head.content) == (200, "text/event-stream", b"")


@pytest.mark.parametrize(("status", "slug"), [(404, "order-not-found"), (403, "forbidden")])
async def test_a_stream_ends_with_the_problem_when_access_is_lost(status: int, slug: str) -> None:
    order = Order()
    order.steps = ["paid"]
    async with Running(order) as running, running.client.stream("GET", PATH) as response:
        stream = events(response)
        await read_until(stream, id="1")
        order.refusal = Reply("rejected", status, {}, orjson.dumps({"type": f"/problems/{slug}", "title": "No", "status": status}))
        [problem] = [each for each in await read_until(stream, event="problem") if "comment" not in each]
        document = orjson.loads(problem["data"])
        assert (document["status"], document["type"], document["instance"]) == (status, f"/problems/{slug}", PATH)
        assert await read_until(stream) == [], "the connection is closed"


async def test_a_stream_ends_with_its_session() -> None:
    order = Order()
    order.steps = ["paid"]
    async with Running(order) as running, running.client.stream("GET", PATH) as response:
        stream = events(response)
        await read_until(stream, id="1")
        running.verifier.has_ended = True
        [problem] = [each for each in await read_until(stream, event="problem") if "comment" not in each]
        assert orjson.loads(problem["data"])["status"] == 401


async def test_a_stream_outlives_a_context_that_is_away() -> None:
    order = Order()
    order.steps = ["paid"]
    async with Running(order) as running, running.client.stream("GET", PATH) as response:
        stream = events(response)
        await read_until(stream, id="1")
        order.refusal = Reply("failed", 503, {}, b"{}")
        count = len(order.questions)
        await until(lambda: len(order.questions) >= count + 3)
        order.refusal, order.is_finished = None, True
        assert [each for each in await read_until(stream, event="end") if "comment" not in each] == [{"event": "end", "data": "{}"}]
        assert set(order.questions[count:]) == {"1"}


async def test_a_refused_first_request_is_an_ordinary_response() -> None:
    order = Order()
    async with Running(order) as running:
        assert (await running.client.get(PATH, headers={"Authorization": "Bearer bad"})).status_code == 401
        assert (await running.client.get(PATH, headers={"Last-Event-ID": "x" * 300})).status_code == 422
        order.refusal = Reply("rejected", 404, {}, orjson.dumps({"title": "No", "status": 404}))
        response = await running.client.get(PATH)
        assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
        assert running.open_streams() == 0


async def test_a_caller_has_a_bounded_number_of_streams_and_a_lost_client_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "MAX_OF_CALLER", 2)
    order = Order()
    order.steps = ["paid"]
    async with Running(order) as running:
        async with running.client.stream("GET", PATH), running.client.stream("GET", PATH):
            refused = await running.client.get(PATH)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
            other = {"Authorization": "Bearer other-user"}
            async with running.client.stream("GET", PATH, headers=other) as response:
                assert response.status_code == 200
        await until(lambda: not running.open_streams())
        assert running.gateway._streams._open[str(USER)] == 0


async def test_a_gateway_that_stops_ends_its_streams() -> None:
    order = Order()
    order.steps = ["paid"]
    async with Running(order) as running, running.client.stream("GET", PATH) as response:
        stream = events(response)
        await read_until(stream, id="1")
        running.gateway.drain()
        assert not [each for each in await read_until(stream) if "comment" not in each]
        assert (await running.client.get(PATH)).status_code == 503
