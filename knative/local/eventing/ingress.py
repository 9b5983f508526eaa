"""A Broker's front door: takes a CloudEvent (HTTP, binary or structured) and has it confirmed by RabbitMQ before it says 202.

Everything that sends to a Broker comes through here: programs over HTTP (the ingress hands over what is meant for a Broker's host), the
replies of functions, PingSources, the ApiServerSource and the collector without leaving the process.
"""

import logging
from collections.abc import Mapping

from knative.local.eventing import events
from knative.local.eventing.dispatch import Answer, Trace, trace_of
from knative.local.eventing.events import Event, Malformed
from knative.local.eventing.rabbit import Away, Publisher, Rabbit, Refused, Unconfirmed

log = logging.getLogger(__name__)

SUFFIX = "-broker-ingress"
DOMAINS = (".svc.cluster.local", ".svc", ".localhost")


class Unpublished(Exception):
    """The Broker did not take the event; says why."""


def host_of(broker: str, namespace: str) -> str:
    return f"{broker}{SUFFIX}.{namespace}.svc.cluster.local"


def broker_of(host: str) -> tuple[str, str] | None:
    """Namespace and name of the Broker that a Host header means, if it means one."""
    host = host.partition(":")[0].lower()
    for domain in DOMAINS:
        if host.endswith(domain):
            name, _, namespace = host.removesuffix(domain).partition(".")
            if name.endswith(SUFFIX) and name != SUFFIX and namespace and "." not in namespace:
                return namespace, name.removesuffix(SUFFIX)
    return None


class Brokers:
    """The Brokers that can be published to. A Broker's reconciler opens and closes them."""

    def __init__(self, rabbit: Rabbit) -> None:
        self._rabbit = rabbit
        self._exchanges: dict[tuple[str, str], str] = {}
        self._publishers: dict[tuple[str, str], Publisher] = {}
        self.letters = Publisher(rabbit)
        """for dead letters: a channel that no missing Broker closes"""

    def open(self, namespace: str, name: str, exchange: str) -> None:
        self._exchanges[namespace, name] = exchange

    def close(self, namespace: str, name: str) -> None:
        self._exchanges.pop((namespace, name), None)
        if publisher := self._publishers.pop((namespace, name), None):
            publisher.close()

    def is_open(self, namespace: str, name: str) -> bool:
        return (namespace, name) in self._exchanges

    async def publish(self, namespace: str, name: str, event: Event, trace: Trace | None = None) -> None:
        exchange = self._exchanges.get((namespace, name))
        if exchange is None:
            raise Unpublished(f"Broker {namespace}/{name} is not ready")
        if fault := event.fault():
            raise Unpublished(fault)
        publisher = self._publishers.setdefault((namespace, name), Publisher(self._rabbit))
        headers = events.to_amqp(event, trace)
        try:
            await publisher.publish(exchange, "", headers, event.data, message_id=event.get("id"), content_type=event.get("datacontenttype") or None)
        except (Away, Refused, Unconfirmed) as error:
            raise Unpublished(str(error)) from error

    async def answer(self, namespace: str, name: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """An HTTP request for a Broker, with the status codes of eventing-rabbitmq's ingress."""
        if method != "POST":
            return Answer(405, {"Allow": "POST"})
        if path.partition("?")[0] != "/" or not self.is_open(namespace, name):
            return Answer(404, {})
        try:
            event = events.from_http(headers, body)
        except Malformed as malformed:
            return _text(400, str(malformed))
        if event is None:
            return _text(400, "not a CloudEvent: neither Ce-Specversion nor a structured content type")
        if fault := event.fault():
            return _text(400, fault)
        try:
            await self.publish(namespace, name, event, trace_of(_with_state(headers)))
        except Unpublished as error:
            log.warning("Broker %s/%s did not take %s %s: %s", namespace, name, event.get("type"), event.get("id"), error)
            return _text(500, str(error))
        return Answer(202, {})


def _with_state(headers: Mapping[str, str]) -> dict[str, str]:
    """Over HTTP a traceparent stands alone; on the way out tracestate is always written beside it."""
    plain = {name.lower(): value for name, value in headers.items()}
    return {"tracestate": "", **plain}


def _text(status: int, text: str) -> Answer:
    return Answer(status, {"Content-Type": "text/plain; charset=utf-8"}, text.encode())
