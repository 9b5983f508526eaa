"""The ingress of Brokers: accepts CloudEvents and answers 202 after RabbitMQ has confirmed them.

Everything that sends to a Broker uses it, inside this process: replies of functions, PingSources, ApiServerSources and
the collector.
"""

import logging
from collections.abc import Mapping

from functions.wire import knative_events as events
from functions.wire.knative_events import Event, MalformedEvent
from functions.wire.knative_requests import Response, trace_context
from functions.wire.trace_context import TraceContext
from knative.collector.outgoing import PublishFailed
from knative.local.eventing.rabbit import ChannelRefused, Publisher, RabbitMQ, RabbitMQUnavailable, Unconfirmed

log = logging.getLogger(__name__)

SUFFIX = "-broker-ingress"
DOMAINS = (".svc.cluster.local", ".svc", ".localhost")


def broker_host(broker: str, namespace: str) -> str:
    return f"{broker}{SUFFIX}.{namespace}.svc.cluster.local"


def parse_broker_host(host: str) -> tuple[str, str] | None:
    """Return the namespace and name of the Broker that a Host header names; None for any other host."""
    host = host.partition(":")[0].lower()
    for domain in DOMAINS:
        if host.endswith(domain):
            name, _, namespace = host.removesuffix(domain).partition(".")
            if name.endswith(SUFFIX) and name != SUFFIX and namespace and "." not in namespace:
                return namespace, name.removesuffix(SUFFIX)
    return None


class Brokers:
    """The Brokers that accept events. Their reconciler opens and closes them."""

    def __init__(self, rabbit: RabbitMQ) -> None:
        self._rabbit = rabbit
        self._exchanges: dict[tuple[str, str], str] = {}
        self._publishers: dict[tuple[str, str], Publisher] = {}
        self.dead_letters = Publisher(rabbit)
        """Its own channel, which publishing to a deleted Broker's exchange cannot close."""

    def open(self, namespace: str, name: str, exchange: str) -> None:
        self._exchanges[namespace, name] = exchange

    def close(self, namespace: str, name: str) -> None:
        self._exchanges.pop((namespace, name), None)
        if publisher := self._publishers.pop((namespace, name), None):
            publisher.close()

    def is_open(self, namespace: str, name: str) -> bool:
        return (namespace, name) in self._exchanges

    async def publish(self, namespace: str, name: str, event: Event, trace: TraceContext | None = None) -> None:
        """Return when RabbitMQ has confirmed the event. Raises PublishFailed."""
        exchange = self._exchanges.get((namespace, name))
        if exchange is None:
            raise PublishFailed(f"Broker {namespace}/{name} is not ready")
        if reason := event.invalid_reason():
            raise PublishFailed(reason)
        publisher = self._publishers.setdefault((namespace, name), Publisher(self._rabbit))
        headers = events.to_amqp(event, trace)
        try:
            await publisher.publish(exchange, "", headers, event.data, message_id=event.get("id"), content_type=event.get("datacontenttype") or None)
        except (RabbitMQUnavailable, ChannelRefused, Unconfirmed) as error:
            raise PublishFailed(str(error)) from error

    async def handle_request(self, namespace: str, name: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Handle an HTTP request to a Broker, with the status codes of eventing-rabbitmq's ingress."""
        if method != "POST":
            return Response(405, {"Allow": "POST"})
        if path.partition("?")[0] != "/" or not self.is_open(namespace, name):
            return Response(404, {})
        try:
            event = events.from_http(headers, body)
        except MalformedEvent as error:
            return _text_response(400, str(error))
        if event is None:
            return _text_response(400, "not a CloudEvent: neither Ce-Specversion nor a structured content type")
        if reason := event.invalid_reason():
            return _text_response(400, reason)
        try:
            await self.publish(namespace, name, event, trace_context(_with_tracestate(headers)))
        except PublishFailed as error:
            log.warning("Broker %s/%s: %s %s was not published: %s", namespace, name, event.get("type"), event.get("id"), error)
            return _text_response(500, str(error))
        return Response(202, {})


def _with_tracestate(headers: Mapping[str, str]) -> dict[str, str]:
    """HTTP requests may omit tracestate; AMQP messages always have both headers."""
    return {"tracestate": "", **{name.lower(): value for name, value in headers.items()}}


def _text_response(status: int, text: str) -> Response:
    return Response(status, {"Content-Type": "text/plain; charset=utf-8"}, text.encode())
