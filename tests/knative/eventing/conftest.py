"""Eventing with its real store and controller and a real RabbitMQ; subscribers are HTTP servers on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from functions.wire.knative_requests import Response
from knative.local.controller import Controller
from knative.local.definitions import load
from knative.local.eventing.assembly import Eventing, assemble
from knative.local.eventing.conditions import is_ready
from knative.local.store import Store
from tests.servers import Brokers
from tests.waiting import wait_limit


@pytest.fixture
def vhost(rabbitmq: Brokers) -> str:
    return rabbitmq.vhost()


@dataclass
class Received:
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Subscriber:
    """An HTTP server that records requests. `respond` makes its responses."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    respond: Callable[[Received], web.Response | Awaitable[web.Response]] = field(default=lambda request: web.Response(status=204))

    async def handle(self, request: web.Request) -> web.Response:
        received = Received(request.path, {name.lower(): value for name, value in request.headers.items()}, await request.read())
        self.received.append(received)
        response = self.respond(received)
        return response if isinstance(response, web.Response) else await response


@pytest.fixture
async def subscriber() -> AsyncIterator[Callable[[], Awaitable[Subscriber]]]:
    runners: list[web.AppRunner] = []

    async def create() -> Subscriber:
        subscriber = Subscriber()
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{tail:.*}", subscriber.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        host, port = site._server.sockets[0].getsockname()[:2]  # type: ignore[attr-defined]
        subscriber.url = f"http://{host}:{port}/"
        return subscriber

    yield create
    for runner in runners:
        await runner.cleanup()


class NoServices:
    """Serving without any Knative Service."""

    async def request(
        self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> Response:
        raise ConnectionRefusedError(f"Service {namespace}/{service} does not exist")


@dataclass
class Machine:
    store: Store
    eventing: Eventing
    controller: Controller

    def apply(self, *objects: dict[str, Any]) -> None:
        for each in objects:
            self.store.apply(each, manager="test")

    async def ready(self, kind: str, name: str, namespace: str = "test", seconds: float = 60) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            object = self.store.find(kind, namespace, name)
            return object if object is not None and is_ready(object) else None

        return await until(found, seconds, lambda: f"{kind} {name} is not ready: {self.store.find(kind, namespace, name)}")


T = TypeVar("T")


async def until(look: Callable[[], T | None], seconds: float = 40, failure: Callable[[], str] | str = "timed out") -> T:
    """Return the first true value of `look`. Fails the test after `seconds`."""
    end = asyncio.get_running_loop().time() + wait_limit(seconds)
    while not (value := look()):
        if asyncio.get_running_loop().time() > end:
            pytest.fail(failure if isinstance(failure, str) else failure())
        await asyncio.sleep(0.02)
    return value


@asynccontextmanager
async def machine_at(folder: Path, url: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[Machine]:
    """Run eventing on a store in `folder` and the RabbitMQ at `url`."""
    store = Store(folder / "store.db", load())
    eventing = assemble(store, url, NoServices(), environment or {})
    controller = Controller(store, eventing.reconcilers)
    runnables = [*eventing.runnables, eventing.dispatchers, controller]
    for runnable in runnables:
        await runnable.start()
    try:
        yield Machine(store, eventing, controller)
    finally:
        for runnable in reversed(runnables):
            await runnable.stop()
        store.close()


@pytest.fixture
async def machine(tmp_path: Path, vhost: str) -> AsyncIterator[Machine]:
    async with machine_at(tmp_path, vhost) as running:
        yield running


def broker(name: str = "main", delivery: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    config = {
        "apiVersion": "eventing.knative.dev/v1alpha1",
        "kind": "RabbitmqBrokerConfig",
        "metadata": {"name": name, "namespace": "test"},
        "spec": {"rabbitmqClusterReference": {"name": "rabbitmq", "namespace": "rabbitmq"}, "queueType": "quorum", "vhost": "/"},
    }
    object: dict[str, Any] = {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Broker",
        "metadata": {"name": name, "namespace": "test", "annotations": {"eventing.knative.dev/broker.class": "RabbitMQBroker"}},
        "spec": {"config": {"apiVersion": "eventing.knative.dev/v1alpha1", "kind": "RabbitmqBrokerConfig", "name": name, "namespace": "test"}},
    }
    if delivery is not None:
        object["spec"]["delivery"] = dict(delivery)
    return [config, object]


def trigger(
    name: str, uri: str, type: str | None = None, parallelism: int | None = None, delivery: Mapping[str, Any] | None = None, broker: str = "main"
) -> dict[str, Any]:
    spec: dict[str, Any] = {"broker": broker, "subscriber": {"uri": uri}}
    if type is not None:
        spec["filter"] = {"attributes": {"type": type}}
    if delivery is not None:
        spec["delivery"] = dict(delivery)
    annotations = {"rabbitmq.eventing.knative.dev/parallelism": str(parallelism)} if parallelism else {}
    return {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": name, "namespace": "test", "annotations": annotations},
        "spec": spec,
    }


__all__ = ["Machine", "Received", "Subscriber", "broker", "machine_at", "trigger", "until"]
