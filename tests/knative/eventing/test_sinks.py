"""Where destinations lead, and what comes of a Service that cannot answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from knative.local.definitions import load
from knative.local.eventing.dispatch import Answer
from knative.local.eventing.ingress import Brokers, broker_of
from knative.local.eventing.rabbit import Rabbit
from knative.local.eventing.sinks import SERVICE, Address, NoAnswer, Sinks, Unresolved, Way
from knative.local.serving.request_queue import Unavailable
from knative.local.store import Store

FUNCTION = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "f", "namespace": "test"}, "spec": {}}
REFERENCE = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "f"}


class Failing:
    """Serving as it is when it has no pod to offer."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def request(self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
        raise self.error


@pytest.fixture
def store(tmp_path: Path) -> Any:
    made = Store(tmp_path / "store.db", load())
    yield made
    made.close()


def sinks(store: Store, error: Exception | None = None) -> Sinks:
    return Sinks(store, Failing(error or Unavailable("no pod")), Brokers(Rabbit("amqp://guest:guest@127.0.0.1:1/")))


async def test_destinations(store: Store) -> None:
    made = sinks(store)
    with pytest.raises(Unresolved, match="does not exist"):
        made.resolve({"ref": REFERENCE}, "test")
    store.create(FUNCTION)
    with pytest.raises(Unresolved, match="no address yet"):
        made.resolve({"ref": REFERENCE}, "test")
    store.set_status(SERVICE, "test", "f", {"address": {"url": "http://f.test.svc.cluster.local"}})
    inside = "http://f.test.svc.cluster.local"
    assert made.resolve({"ref": REFERENCE}, "test") == Address(inside, Way.SERVICE, "test", "f", "/")
    assert made.resolve({"ref": REFERENCE, "uri": "/a?b=c"}, "test") == Address(f"{inside}/a?b=c", Way.SERVICE, "test", "f", "/a?b=c")
    assert made.resolve({"uri": f"{inside}/x"}, "other") == Address(f"{inside}/x", Way.SERVICE, "test", "f", "/x")
    door = "http://main-broker-ingress.test.svc.cluster.local"
    assert made.resolve({"uri": door}, "other") == Address(door, Way.BROKER, "test", "main", "/")
    assert made.resolve({"uri": "https://example.com/x"}, "test").way is Way.HTTP
    for wrong in ({"uri": "/only"}, {}, {"ref": {"apiVersion": "v1", "kind": "Service", "name": "f"}}):
        with pytest.raises(Unresolved):
            made.resolve(wrong, "test")


async def test_a_service_without_a_pod_answers_503_and_one_that_is_gone_not_at_all(store: Store) -> None:
    address = Address("http://f.test.svc.cluster.local", Way.SERVICE, "test", "f")
    with pytest.raises(NoAnswer):
        await sinks(store).send(address, {}, b"", 1)
    store.create(FUNCTION)
    assert (await sinks(store).send(address, {}, b"", 1)).status == 503
    with pytest.raises(NoAnswer):
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
def test_hosts_that_mean_a_broker(host: str, broker: tuple[str, str] | None) -> None:
    assert broker_of(host) == broker
