"""Resolution of destinations, and responses of Services without pods."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from functions.wire.knative_requests import Response
from knative.local.definitions import load
from knative.local.eventing.ingress import Brokers, parse_broker_host
from knative.local.eventing.rabbit import RabbitMQ
from knative.local.eventing.sinks import SERVICE, Address, NoResponse, SinkKind, SinkNotFound, Sinks
from knative.local.serving.request_queue import Unavailable
from knative.local.store import Store

FUNCTION = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "f", "namespace": "test"}, "spec": {}}
REFERENCE = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "f"}


class FailingServices:
    """Serving without a pod."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def request(
        self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> Response:
        raise self.error


@pytest.fixture
def store(tmp_path: Path) -> Any:
    made = Store(tmp_path / "store.db", load())
    yield made
    made.close()


def sinks(store: Store, error: Exception | None = None) -> Sinks:
    return Sinks(store, FailingServices(error or Unavailable("no pod")), Brokers(RabbitMQ("amqp://guest:guest@127.0.0.1:1/")))


async def test_destinations_are_resolved(store: Store) -> None:
    made = sinks(store)
    with pytest.raises(SinkNotFound, match="does not exist"):
        made.resolve({"ref": REFERENCE}, "test")
    store.create(FUNCTION)
    with pytest.raises(SinkNotFound, match="no address yet"):
        made.resolve({"ref": REFERENCE}, "test")
    store.set_status(SERVICE, "test", "f", {"address": {"url": "http://f.test.svc.cluster.local"}})
    inside = "http://f.test.svc.cluster.local"
    assert made.resolve({"ref": REFERENCE}, "test") == Address(inside, SinkKind.SERVICE, "test", "f", "/")
    assert made.resolve({"ref": REFERENCE, "uri": "/a?b=c"}, "test") == Address(f"{inside}/a?b=c", SinkKind.SERVICE, "test", "f", "/a?b=c")
    assert made.resolve({"uri": f"{inside}/x"}, "other") == Address(f"{inside}/x", SinkKind.SERVICE, "test", "f", "/x")
    broker = "http://main-broker-ingress.test.svc.cluster.local"
    assert made.resolve({"uri": broker}, "other") == Address(broker, SinkKind.BROKER, "test", "main", "/")
    assert made.resolve({"uri": "https://example.com/x"}, "test").kind is SinkKind.HTTP
    for invalid in ({"uri": "/only"}, {}, {"ref": {"apiVersion": "v1", "kind": "Service", "name": "f"}}):
        with pytest.raises(SinkNotFound):
            made.resolve(invalid, "test")


async def test_a_service_without_pods_responds_503_and_a_deleted_one_not_at_all(store: Store) -> None:
    address = Address("http://f.test.svc.cluster.local", SinkKind.SERVICE, "test", "f")
    with pytest.raises(NoResponse):
        await sinks(store).send(address, {}, b"", 1)
    store.create(FUNCTION)
    assert (await sinks(store).send(address, {}, b"", 1)).status == 503
    with pytest.raises(NoResponse):
        await sinks(store, TimeoutError()).send(address, {}, b"", 1)


@pytest.mark.parametrize(
    ("host", "broker"),
    [
        ("main-broker-ingress.test.svc.cluster.local", ("test", "main")),
        ("Main-Broker-Ingress.test.localhost:7080", ("test", "main")),
        ("main.test.svc.cluster.local", None),
        ("-broker-ingress.test.localhost", None),
        ("main-broker-ingress.a.b.localhost", None),
        ("main-broker-ingress.example.com", None),
    ],
)
def test_host_names_of_brokers(host: str, broker: tuple[str, str] | None) -> None:
    assert parse_broker_host(host) == broker
