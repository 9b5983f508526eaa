"""Traces: from a client's request through messages to event handlers, exported over OTLP/HTTP."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pika
import pytest

from functions.runtime.config.settings import Settings
from functions.runtime.config.telemetry import open_tracer
from functions.runtime.messaging.bus import NoReply
from functions.runtime.messaging.exchanges import EVENTS
from functions.wire.tracing import NO_TRACER, Tracer
from tests.gateway.live import Live, register, running
from tests.gateway.shop import open_shop, signed_in
from tests.gateway.test_responses import raising
from tests.otlp_receiver import Receiver, receiving
from tests.runtime.harness import until

TRACE, CLIENT_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def traceparent(flags: str) -> dict[str, str]:
    return {"traceparent": f"00-{TRACE}-{CLIENT_SPAN}-{flags}", "tracestate": "rojo=1"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def exporting(receiver: Receiver) -> Settings:
    return Settings({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20t0ken"})


@pytest.fixture
async def tracer(receiver: Receiver) -> AsyncIterator[Tracer]:
    tracer = open_tracer(exporting(receiver), "capsule-gateway", "test")
    yield tracer
    await tracer.close()


async def test_a_request_and_its_message_are_spans_of_the_clients_trace(receiver: Receiver, tracer: Tracer) -> None:
    shop = open_shop(tracer=tracer)
    await shop.client.get(f"/v1/orders/{uuid4()}", headers={**signed_in(), **traceparent("01")})
    await tracer.close()
    request, send = receiver.one("GET /v1/orders/{orderId}"), receiver.one("send shop.order")
    assert (request.kind, request.trace, request.parent, request.state) == ("SERVER", TRACE, CLIENT_SPAN, "rojo=1")
    assert (send.kind, send.trace, send.parent, request.service) == ("PRODUCER", TRACE, request.id, "capsule-gateway")
    assert request.attributes["http.response.status_code"] == 200 and request.attributes["http.route"] == "/v1/orders/{orderId}"
    [message] = shop.bus.sent
    assert message.headers["traceparent"] == f"00-{TRACE}-{send.id}-01" and message.headers["tracestate"] == "rojo=1"
    assert send.attributes["messaging.message.id"] == message.headers["id"]
    assert receiver.headers[0]["authorization"] == "Bearer t0ken"


async def test_a_trace_that_the_client_does_not_sample_is_passed_on_and_not_exported(receiver: Receiver, tracer: Tracer) -> None:
    shop = open_shop(tracer=tracer)
    await shop.client.get("/v1/orders", headers={**signed_in(), **traceparent("00")})
    await tracer.close()
    assert receiver.spans == []
    assert shop.bus.sent[0].headers["traceparent"].startswith(f"00-{TRACE}-") and shop.bus.sent[0].headers["traceparent"].endswith("-00")


async def test_failures_are_errors_and_probes_are_no_spans(receiver: Receiver, tracer: Tracer) -> None:
    shop = open_shop(tracer=tracer)
    shop.bus.reply = raising(NoReply("late"))
    assert (await shop.client.get("/v1/orders", headers={**signed_in(), "traceparent": "nonsense"})).status_code == 504
    await shop.client.get("/livez")
    await shop.client.get("/nowhere")
    await tracer.close()
    request, send = receiver.one("GET /v1/orders"), receiver.one("send shop.orders")
    assert request.is_error and send.is_error and request.parent == "" and send.attributes["capsule.outcome"] == "no-reply"
    assert [span.is_error for span in receiver.named("GET")] == [False] and len(receiver.spans) == 3


def test_without_an_endpoint_there_are_no_spans() -> None:
    assert open_tracer(Settings({}), "capsule-gateway", "test") is NO_TRACER


@pytest.fixture(scope="module")
def exported(postgres: object, rabbitmq: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Receiver]]:
    with receiving() as receiver:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        databases = {"auth": postgres.database("auth")}  # type: ignore[attr-defined]
        with running(rabbitmq.vhost(), databases, tmp_path_factory.mktemp("traces"), settings=settings) as live:  # type: ignore[attr-defined]
            with pika.BlockingConnection(pika.URLParameters(live.amqp)) as connection:
                connection.channel().queue_bind("functions", EVENTS, "user.created")
            yield live, receiver


def test_one_trace_leads_from_the_request_to_the_handlers_of_its_events(exported: tuple[Live, Receiver]) -> None:
    live, receiver = exported
    assert register(live, f"{uuid4().hex[:12]}@example.org", **traceparent("01")).is_success
    until(lambda: receiver.named("process auth.on_user_created"), why="for the span of the event's handler")
    names = ("POST /v1/users", "send auth.register", "process auth.register", "send user.created", "process auth.on_user_created")
    until(lambda: all(receiver.named(name) for name in names), why="for all spans")
    chain = [receiver.one(name) for name in names]
    assert [span.parent for span in chain] == [CLIENT_SPAN, *(span.id for span in chain[:-1])]
    assert {span.trace for span in chain} == {TRACE} and {span.state for span in chain} == {"rojo=1"}
    assert [span.kind for span in chain] == ["SERVER", "PRODUCER", "CONSUMER", "PRODUCER", "CONSUMER"]
    assert [span.service for span in chain] == [*["capsule-gateway"] * 2, *["capsule-auth"] * 3]
    assert chain[4].attributes["capsule.outcome"] == "done"
